"""The next token's candidates: bars proportional to probabilities, and the path in the alt text."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.questions.tokens import Likelihood, Token
from bot.questions.topk import WalkStep
from bot.rendering.pictures.candidates import MOST_CANDIDATES, candidates_picture, joint_probability
from bot.rendering.pictures.palette import ACCENT, NEUTRAL
from tests.rendering.pictures.checks import count_of, draw_checked, image_of
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
    prompt_end: str, shown: list[tuple[Token, float]], remainder: float, path: list[WalkStep]
) -> None:
    draw_checked(
        candidates_picture, prompt_end, [token for token, _ in shown], [chance for _, chance in shown], remainder, path
    )


def test_the_alt_text_states_the_figures() -> None:
    shown = [Token(1, " good"), Token(2, "\n")]
    assert draw_checked(
        candidates_picture, "It was", shown, [0.5, 0.2], 0.3, [step(" so", 0.25), step(" so", 0.5)]
    ).alt == (
        "Most probable next tokens after “It was”. Path of 2 steps, together 12.50%; it ends with “·so” 25.00%, "
        "“·so” 50.00%. Candidates: “·good” 50.00%, “↵” 20.00%. All others 30.00%."
    )


@pytest.mark.parametrize(
    ("probabilities", "text"),
    [([], "100.00%"), ([0.5, 0.5], "25.00%"), ([0.01, 0.001], "1.0e-5"), ([0.001] * 200, "1.0e-600")],
)
def test_the_joint_probability_is_shown_however_small(probabilities: list[float], text: str) -> None:
    assert joint_probability([step("a", probability) for probability in probabilities]) == text


def test_bar_lengths_are_proportional_to_probabilities() -> None:
    image = image_of(draw_checked(candidates_picture, "It was", [Token(1, "a"), Token(2, "b")], [0.6, 0.3], 0.1))
    first, second = image.crop((266, 132, 700, 170)), image.crop((266, 170, 520, 208))
    assert count_of(ACCENT, first) == pytest.approx(2 * count_of(NEUTRAL, second), rel=0.03)


def test_candidates_beyond_the_rows_count_as_others() -> None:
    many = [Token(position, f" {position}") for position in range(50)]
    assert draw_checked(candidates_picture, "a", many, [0.02] * 50, 0.0).alt.endswith("All others 60.00%.")
