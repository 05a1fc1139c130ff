"""A diff: every part is shown, the direction of a strong difference is visible without colour, and the alt text."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.features.diff.picture import MOST_PARTS, diff_picture
from bot.questions.diff import Diff, Part
from bot.questions.language_model import ModelInfo
from bot.questions.tokens import Likelihood, Token, TokenProbability
from bot.questions.xray import Surprisals, TokenSurprisal
from bot.rendering.pictures.palette import NEGATIVE, NEUTRAL, POSITIVE
from tests.rendering.explorer_results import diffs
from tests.rendering.pictures.checks import count_of, draw_checked, image_of
from tests.rendering.pictures.tokens import token_texts

FIRST_BOX = (32, 188, 76, 230)  # in pixels
INT8 = ModelInfo("demo", "demo", None, "int8", "cpu", 512, 4096, 1)
FLOAT32 = ModelInfo("demo", "demo", None, "float32", "cpu", 512, 4096, 1)


def favourite(text: str) -> TokenProbability:
    return TokenProbability(1, Token(len(text), text), None, 0.5, -0.7)


def part(text: str, bits_a: float | None, bits_b: float | None, other: str = "x") -> Part:
    return Part(text, (1,), (1,), bits_a, bits_b, favourite("x"), favourite(other))


def diff(parts: list[Part], *, has_same_tokens: bool = True) -> Diff:
    tokens = TokenSurprisal(Token(1, "a"), None, ()), TokenSurprisal(Token(2, "b"), Likelihood(-1.0, 1), ())
    surprisals = Surprisals("ab", tokens, 1)
    return Diff(FLOAT32, INT8, surprisals, surprisals, tuple(parts), has_same_tokens)


@given(diffs)
@settings(max_examples=40, deadline=None)
def test_any_text(result: Diff) -> None:
    draw_checked(diff_picture, result)


@given(token_texts, st.integers(1, MOST_PARTS + 5))
@example("antidisestablishmentarianism", 1000)
@example("\n", 300)
@example("-" * 200, 300)
@settings(max_examples=8, deadline=None)
def test_any_length(text: str, count: int) -> None:
    parts = [part(text, 1.0, position % 7 - 3.0, "xy"[position % 2]) for position in range(count)]
    drawn = draw_checked(diff_picture, diff(parts, has_same_tokens=False))
    assert "A text under two models, a (demo · float32) and b (demo · int8)." in drawn.alt


def test_the_alt_text_has_the_figures() -> None:
    parts = [part("It", None, None), part(" was", 1.0, 3.5, "y"), part(" a", 2.0, 1.25), part(" dark", 1.0, 1.0)]
    assert draw_checked(diff_picture, diff(parts)).alt == (
        "A text under two models, a (demo · float32) and b (demo · int8). 1.443 and 1.443 bits per character; "
        "4 tokens, coloured by b’s bits minus a’s. b is more surprised by “·was” +2.50 bits. b expects more “·a” "
        "−0.75 bits. Another most probable token in 1 of 4 places. Bits in order: “It”, “·was” +2.50, "
        "“·a” −0.75, “·dark” +0.00."
    )


@pytest.mark.parametrize(
    ("bits_a", "bits_b", "colour"), [(1.0, 3.0, NEGATIVE), (3.0, 1.0, POSITIVE), (None, 1.0, NEUTRAL)]
)
def test_a_part_is_amber_if_it_surprises_the_second_model_more(
    bits_a: float | None, bits_b: float, colour: str
) -> None:
    assert count_of(colour, box(part("a", bits_a, bits_b))) > 1000


def test_a_mark_shows_another_favourite_without_colour() -> None:
    assert bright(part("a", 1.0, 1.0, "y")) - bright(part("a", 1.0, 1.0)) == 16 * 4


def bright(shown: Part) -> int:
    foot: Any = (0, 34, 44, 40)
    histogram: list[int] = box(shown).crop(foot).convert("L").point(lambda value: value > 200).histogram()
    return histogram[1]


def box(shown: Part) -> Any:
    return image_of(diff_picture(diff([shown]))).crop(FIRST_BOX)
