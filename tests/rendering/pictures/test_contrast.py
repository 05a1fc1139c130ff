"""The picture of a contrast: the vocabulary, the diagonal, and the names of the tokens that moved."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.features.contrast.picture import MOST_NAMED, contrast_picture
from bot.questions.contrast import Contrast, Density, Mover
from bot.questions.tokens import Token
from bot.rendering.pictures import palette
from bot.rendering.pictures.canvas import Canvas
from tests.rendering.pictures.checks import count_of, draw_checked, image_of
from tests.rendering.pictures.tokens import ODD, token_texts

log_probabilities = st.sampled_from([0.0, -1e-9, -1e4, math.log(0.5)]) | st.floats(-30, 0)
steps = st.integers(0, 47)
cells = st.lists(st.tuples(steps, steps, st.integers(1, 150_000)), max_size=40).map(tuple)
movers = st.lists(st.tuples(token_texts, log_probabilities, log_probabilities), max_size=20)


def contrast(
    moved: list[tuple[str, float, float]],
    *,
    a: str = "The nurse said that",
    b: str = "The doctor said that",
    lowest: int = -8,
    counts: tuple[tuple[int, int, int], ...] = ((3, 3, 4000), (40, 41, 1)),
    js_bits: float = 0.25,
) -> Contrast:
    tokens = tuple(Mover(Token(id_, text), log_a, log_b, 0.01) for id_, (text, log_a, log_b) in enumerate(moved))
    return Contrast(a, b, (1, 2), (3, 4), 1.5, 0.75, js_bits, tokens, Density(lowest, 48, counts))


@given(movers, token_texts, token_texts, st.integers(-12, -2), cells, st.floats(0, 1))
@example([(text, -1.0, -1.1) for text in ODD[:20]], "", "x" * 5000, -12, (), 1.0)
@example(
    [("antidisestablishmentarianism" * 3, 0.0, -1e4)] * 20, "مرحبا " * 900, "Z\u0301\u0302\u0303" * 90, -2, (), 1e-9
)
@example([("Z\u0301\u0302\u0303g", -30.0, -30.0)] * 8, "\n" * 100, "\x00" * 100, -2, ((0, 0, 1),), 0.0)
@settings(max_examples=60, deadline=None)
def test_any_contrast(
    moved: list[tuple[str, float, float]], a: str, b: str, lowest: int, counts: tuple[tuple[int, int, int], ...],
    js_bits: float,
) -> None:  # fmt: skip
    draw_checked(contrast_picture, contrast(moved, a=a, b=b, lowest=lowest, counts=counts, js_bits=js_bits))


@pytest.mark.parametrize(
    "places",
    [
        [(0.3 - index / 50, 0.1) for index in range(8)],
        [(0.5, 0.5 + index / 1e6) for index in range(8)],
        [(1.0, 1e-20)] * 8,
        [(0.9, 10**-index) for index in range(1, 9)],
    ],
    ids=["a row", "one place", "a corner", "a column"],
)
def test_every_mover_is_named(places: list[tuple[float, float]], monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    write = Canvas.text

    def record(canvas: Canvas, x: float, y: float, text: str, **options: object) -> object:
        written.append(text)
        return write(canvas, x, y, text, **options)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(Canvas, "text", record)
    moved = [(f" token{index}", math.log(p), math.log(q)) for index, (p, q) in enumerate(places)]
    draw_checked(contrast_picture, contrast([*moved, (" ninth", -1.0, -2.0)]))
    assert [text for text in written if "token" in text and text.startswith("·")] == [
        f"·token{index}" for index in range(MOST_NAMED)
    ]
    assert "·ninth" not in written


def test_the_density_is_shaded_and_the_movers_are_marked() -> None:
    counts = tuple((column, 30, 500) for column in range(2, 10))
    moved = [(" he", math.log(0.5), math.log(0.001))]
    image = image_of(draw_checked(contrast_picture, contrast(moved, counts=counts)))
    assert count_of(palette.density(1.0), image) > 400  # eight cells
    assert count_of(palette.ACCENT, image) > 80  # a disc
    empty = image_of(draw_checked(contrast_picture, contrast([], js_bits=0.0, counts=())))
    assert count_of(palette.ACCENT, empty) == 0
    assert count_of(palette.density(1.0), empty) < 40  # at the edges of letters


def test_the_alt_text_states_the_figures() -> None:
    moved = [(" he", math.log(0.02), math.log(0.3)), (" she", math.log(0.4), math.log(0.1))]
    assert draw_checked(contrast_picture, contrast(moved)).alt == (
        "The probability of each of 4,001 tokens after two prompts, on logarithmic axes: a, “The nurse said that”, and "
        "b, “The doctor said that”. Jensen-Shannon divergence 0.250 bits, of at most 1; KL(a‖b) 1.500 bits, KL(b‖a) "
        "0.750 bits. Moved most: “·he” 2.00% after a and 30.00% after b (×15), “·she” 40.00% after a and "
        "10.00% after b (÷4.0)."
    )


def test_the_alt_text_of_equal_prompts_claims_no_movers() -> None:
    alt = draw_checked(contrast_picture, contrast([], js_bits=0.0)).alt
    assert alt.endswith("No token moved: both distributions are the same.")
    assert "Jensen-Shannon divergence 0 bits" in alt
