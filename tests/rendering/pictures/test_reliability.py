"""The reliability diagram: every bin is visible with its interval, and the alt text has the figures."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.rendering.pictures.palette import ACCENT, NEUTRAL
from bot.rendering.pictures.reliability import ReliabilityBin, reliability_picture
from tests.rendering.pictures.checks import count_of, draw_checked, image_of

SUMMARY = "Brier score 0.118 (0.103–0.133), n 736"
shares = st.floats(0, 1)


def bin_at(number: int, share: float, count: int, reach: float = 0.1) -> ReliabilityBin:
    low, high = number / 10, (number + 1) / 10
    return ReliabilityBin(low, high, (low + high) / 2, share, max(0, share - reach), min(1, share + reach), count)


def empty(number: int) -> ReliabilityBin:
    return ReliabilityBin(number / 10, (number + 1) / 10, None, None, 0.0, 1.0, 0)


bins = st.tuples(
    *(
        st.builds(bin_at, st.just(number), shares, st.integers(1, 10**7)) | st.just(empty(number))
        for number in range(10)
    )
)
labels = st.sampled_from(
    [" negative", "Yes", "not spam", "a very long label that does not fit", "不适合", "\x00", "**"]
)


@given(labels, bins, shares)
@settings(max_examples=60, deadline=None)
def test_any_figures(label: str, drawn: tuple[ReliabilityBin, ...], threshold: float) -> None:
    picture = draw_checked(reliability_picture, label, drawn, threshold, SUMMARY)
    assert SUMMARY in picture.alt


def test_a_bin_is_drawn_where_it_belongs() -> None:
    empty_picture = draw_checked(reliability_picture, "spam", [empty(number) for number in range(10)], 0.5, SUMMARY)
    picture = draw_checked(reliability_picture, "spam", [bin_at(0, 0.05, 10), bin_at(9, 0.95, 20)], 0.5, SUMMARY)
    assert count_of(ACCENT, image_of(empty_picture)) == 0
    image = image_of(picture)
    left, right = image.crop((100, 160, 250, 440)), image.crop((650, 160, 800, 440))
    assert count_of(ACCENT, left.crop((0, 200, 150, 280))) > 100, "a low share is at the bottom"
    assert count_of(ACCENT, right.crop((0, 0, 150, 80))) > 100, "a high share is at the top"
    assert count_of(ACCENT, left.crop((0, 0, 150, 140))) == 0
    assert count_of(NEUTRAL, image) > 500, "the diagonal"


def test_the_alt_text_has_the_figures() -> None:
    picture = draw_checked(reliability_picture, " negative", [bin_at(7, 0.65, 40), empty(8)], 0.4321, SUMMARY)
    assert picture.alt == (
        f"Reliability diagram of P(negative). {SUMMARY}. Flags from 0.4321. "
        "Share labelled negative by probability, with 95% interval: 0.7 to 0.8: 65% of 40 (55% to 75%)."
    )
    nothing = draw_checked(reliability_picture, "negative", [empty(0)], 0.5, "No text has a verdict")
    assert nothing.alt.endswith("No text has a verdict.")


@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.51, 1.0, 1.5])
def test_the_threshold_is_inside(threshold: float) -> None:
    draw_checked(reliability_picture, "spam", [bin_at(9, 1.0, 9_999), bin_at(8, 0.0, 10_000)], threshold, SUMMARY)
