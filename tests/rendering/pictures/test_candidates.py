"""The next token's candidates: every bar as long as it is probable, and the path told."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.questions.tokens import Likelihood, Token
from bot.questions.topk import WalkStep
from bot.rendering.pictures.candidates import MOST_CANDIDATES, candidates_picture, joint_probability
from bot.rendering.pictures.palette import ACCENT, NEUTRAL
from tests.rendering.pictures.checks import checked, count_of, image_of
from tests.rendering.pictures.tokens import ODD, probabilities, token_texts, tokens

log_probabilities = st.sampled_from([0.0, -1e9, -math.inf]) | st.floats(-40, 0)
steps = st.builds(WalkStep, tokens, st.builds(Likelihood, log_probabilities, st.integers(1, 200_000)))
rows = st.lists(st.tuples(tokens, probabilities), max_size=MOST_CANDIDATES + 5)


def step(text: str, probability: float) -> WalkStep:
    return WalkStep(Token(1, text), Likelihood(math.log(probability), 1))


@given(token_texts | st.text(max_size=99), rows, probabilities, st.lists(steps, max_size=70))
@example("", [], 1.0, [])
@example("The movie was", [(Token(0, "."), 1.0)], 0.0, [step("-" * 200, 1.0)] * 70)
@example("\n" * 99, [(Token(0, text), 0.0) for text in ODD[:20]], 0.0, [step("antidisestablishmentarianism", 0.5)])
@settings(max_examples=40, deadline=None)
def test_any_candidates(
    prompt_end: str, found: list[tuple[Token, float]], remainder: float, path: list[WalkStep]
) -> None:
    checked(candidates_picture, prompt_end, [one for one, _ in found], [one for _, one in found], remainder, path)


def test_the_alt_text_states_the_figures() -> None:
    found = [Token(1, " good"), Token(2, "\n")]
    assert checked(candidates_picture, "It was", found, [0.5, 0.2], 0.3, [step(" so", 0.25), step(" so", 0.5)]).alt == (
        "Most probable next tokens after “It was”. Path of 2 steps, together 12.50%; it ends with “·so” 25.00%, "
        "“·so” 50.00%. Candidates: “·good” 50.00%, “↵” 20.00%. All others 30.00%."
    )


@pytest.mark.parametrize(
    ("probabilities", "told"),
    [([], "100.00%"), ([0.5, 0.5], "25.00%"), ([0.01, 0.001], "1.0e-5"), ([0.001] * 200, "1.0e-600")],
)
def test_the_joint_probability_is_told_however_small(probabilities: list[float], told: str) -> None:
    assert joint_probability([step("a", probability) for probability in probabilities]) == told


def test_bars_are_as_long_as_they_are_probable() -> None:
    image = image_of(checked(candidates_picture, "It was", [Token(1, "a"), Token(2, "b")], [0.6, 0.3], 0.1))
    first, second = image.crop((266, 132, 700, 170)), image.crop((266, 170, 520, 208))
    assert count_of(ACCENT, first) == pytest.approx(2 * count_of(NEUTRAL, second), rel=0.03)


def test_more_candidates_than_there_are_rows_are_among_the_others() -> None:
    many = [Token(place, f" {place}") for place in range(50)]
    assert checked(candidates_picture, "a", many, [0.02] * 50, 0.0).alt.endswith("All others 60.00%.")
