"""The picture of the next token: segments proportional to probabilities, and the path above them."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.questions.tokens import Likelihood, NextTokens, Token
from bot.questions.topk import WalkStep
from bot.rendering.pictures.candidates import MOST_CANDIDATES, candidates_picture, joint_probability
from bot.rendering.pictures.palette import ACCENT, NEUTRAL
from tests.rendering.pictures.checks import count_of, draw_checked, image_of
from tests.rendering.pictures.tokens import ODD, candidate, probabilities, token_texts, tokens

log_probabilities = st.sampled_from([0.0, -1e9, -math.inf]) | st.floats(-40, 0)
steps = st.builds(WalkStep, tokens, st.builds(Likelihood, log_probabilities, st.integers(1, 200_000)))
rows = st.lists(st.tuples(token_texts, probabilities), max_size=MOST_CANDIDATES + 5)


def step(text: str, probability: float) -> WalkStep:
    return WalkStep(Token(1, text), Likelihood(math.log(probability), 1))


def top(prompt: str, *shown: tuple[str, float]) -> NextTokens:
    candidates = [candidate(rank, Token(rank, text), chance) for rank, (text, chance) in enumerate(shown, start=1)]
    return NextTokens(prompt, (1,), tuple(candidates))


@given(token_texts | st.text(max_size=99), rows, st.lists(steps, max_size=70), st.booleans())
@example("", [], [], False)
@example("The movie was", [(".", 1.0)], [step("-" * 200, 1.0)] * 70, True)
@example("\n" * 99, [(text, 0.05) for text in ODD[:20]], [step("antidisestablishmentarianism", 0.5)], False)
@settings(max_examples=40, deadline=None)
def test_any_candidates(prompt: str, shown: list[tuple[str, float]], path: list[WalkStep], ended: bool) -> None:
    draw_checked(candidates_picture, top(prompt, *shown), path, ended=ended)


def test_the_alt_text_states_the_figures() -> None:
    path = [step(" so", 0.25), step(" so", 0.5)]
    assert draw_checked(candidates_picture, top("It was", (" good", 0.5), ("\n", 0.2)), path).alt == (
        "Most probable next tokens after “It was”. Path of 2 steps, together 12.50%; it ends with “·so” 25.00%, "
        "“·so” 50.00%. Candidates: “·good” 50.00%, “↵” 20.00%. All others 30.00%."
    )


def test_an_ended_text_has_only_its_path() -> None:
    picture = draw_checked(candidates_picture, top("It was", ("a", 0.5)), [step(" so", 0.25)], ended=True)
    assert picture.alt == (
        "A text after “It was”. Path of 1 step, together 25.00%; it ends with “·so” 25.00%. The text has ended."
    )
    assert not count_of(ACCENT, image_of(picture))


@pytest.mark.parametrize(
    ("probabilities", "text"),
    [([], "100.00%"), ([0.5, 0.5], "25.00%"), ([0.01, 0.001], "1.0e-5"), ([0.001] * 200, "1.0e-600")],
)
def test_the_joint_probability_is_shown_however_small(probabilities: list[float], text: str) -> None:
    assert joint_probability([step("a", probability) for probability in probabilities]) == text


def test_segments_are_proportional_to_probabilities() -> None:
    image = image_of(draw_checked(candidates_picture, top("It was", ("W" * 99, 0.6), ("W" * 99, 0.3))))
    assert count_of(ACCENT, image) == pytest.approx(0.6 * 736 * 52, rel=0.01)
    filled = image.crop((32 + 442, 20, 32 + 662, 72))
    assert count_of(NEUTRAL, filled) == pytest.approx(0.3 * 736 * 52, rel=0.02)


def test_a_slim_picture_without_a_path() -> None:
    assert image_of(draw_checked(candidates_picture, top("It was", ("a", 0.5)))).height <= 120


def test_candidates_beyond_the_segments_count_as_others() -> None:
    many = [(f" {position}", 0.02) for position in range(50)]
    assert draw_checked(candidates_picture, top("a", *many)).alt.endswith("All others 80.00%.")
