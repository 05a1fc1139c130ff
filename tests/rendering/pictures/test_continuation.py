"""The picture of a continuation: all tokens up to a height, near ones below, and the figures in the alt text."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.features.continuation.picture import continuation_picture
from bot.questions.continuation import Continuation, WrittenToken
from bot.questions.generation import GenerationParameters
from bot.questions.tokens import ScoredToken, Token
from bot.rendering.pictures.palette import TEXT, sequential
from tests.rendering.pictures.checks import count_of, draw_checked, image_of
from tests.rendering.pictures.tokens import token_texts, tokens
from tests.rendering.results import long_texts

log_probabilities = st.sampled_from([0.0, -0.7, -800.0]) | st.floats(-12, 0)
scored = st.builds(ScoredToken, tokens, log_probabilities)
written = st.builds(WrittenToken, tokens, log_probabilities, st.lists(scored, max_size=3).map(tuple))
HIGHEST = 930  # pixels: at 400 pixels' width, 465


def result_of(tokens: list[WrittenToken], prompt: str = "Once upon a", before: str = "") -> Continuation:
    ids = tuple(token.token.id for token in tokens)
    return Continuation(
        prompt, GenerationParameters.from_options(), (1,), ids, "", "length", text_before=before, tokens=tuple(tokens)
    )


def token(text: str, probability: float, *others: tuple[str, float]) -> WrittenToken:
    scores = tuple(ScoredToken(Token(2, name), math.log(value)) for name, value in others)
    return WrittenToken(Token(1, text), math.log(probability), scores)


@given(st.lists(written, min_size=1, max_size=30), long_texts, token_texts)
@settings(max_examples=60, deadline=None)
def test_any_text(tokens: list[WrittenToken], prompt: str, before: str) -> None:
    draw_checked(continuation_picture, result_of(tokens, prompt, before))


@given(token_texts, token_texts, st.integers(1, 300))
@example("antidisestablishmentarianism", "antidisestablishmentarianism", 256)
@example("\n", "\n", 256)
@example("a", "b", 2048)
@settings(max_examples=12, deadline=None)
def test_any_length(text: str, other: str, count: int) -> None:
    result = result_of([token(text, 0.3, (other, 0.25), (other, 0.2), (other, 0.16))] * count)
    assert image_of(draw_checked(continuation_picture, result)).height <= HIGHEST


def test_the_alt_text_states_the_figures() -> None:
    tokens = [
        token(" time", 0.9, (" day", 0.05)),
        token(" dark", 0.2, (" cold", 0.34), (" old", 0.05)),
        token(" sea", 0.004, (" sky", 0.003)),
    ]
    assert draw_checked(continuation_picture, result_of(tokens, "Once upon", " a")).alt == (
        "Continuation after “Once upon a”, coloured by probability. 2 of 3 new tokens had near alternatives. "
        "The most probable alternatives: “·cold” 34% instead of token 2, “·dark” 20%; "
        "“·sky” <1% instead of token 3, “·sea” <1%."
    )


def test_only_tokens_with_others_near_them_are_underlined() -> None:
    near, far = (
        count_of(TEXT, image_of(continuation_picture(result_of([token("a", 0.5, ("b", share))]))))
        for share in (0.25, 0.249)
    )
    assert near > far + 100


def test_the_colour_shows_the_probability() -> None:
    for probability in (1.0, 0.25, 0.04):
        colour = sequential(1 - math.sqrt(probability))
        picture = draw_checked(continuation_picture, result_of([token("x" * 40, probability)]))
        assert count_of(colour, image_of(picture)) > 5000


@pytest.mark.parametrize("near", [0, 2], ids=["certain", "doubtful"])
def test_tokens_not_shown_are_counted(near: int) -> None:
    others = [("b", 0.3)] * near
    heights = []
    for count in (1, 20, 256, 999):
        picture = draw_checked(continuation_picture, result_of([token(" word", 0.4, *others)] * count))
        heights.append(image_of(picture).height)
        assert ("Not in the picture: " in picture.alt) == (count > 100)
    assert heights == sorted(heights)
    assert heights[1] < 600
    assert heights[2] == heights[3] <= HIGHEST
