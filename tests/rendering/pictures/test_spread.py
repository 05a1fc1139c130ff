"""The spread of scores: every message is counted, flagged ones are visible, and no text is cut."""

import random
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.features.review.embeds.spread import spread_picture
from bot.rendering.pictures.palette import MUTED, NEGATIVE, NEUTRAL, TEXT, URGENT
from bot.rendering.pictures.picture import Picture
from tests.rendering.pictures.checks import count_of, draw_checked, image_of

MANY = [random.Random(0).random() for _ in range(10_000)]
THRESHOLD_X = 400  # in pixels; the bars for 0 to 0.45 are to the left of it
probabilities = st.floats(0, 1)
thresholds = st.sampled_from([0.0, 1.0, 0.2, 1e-9]) | probabilities
scores = st.lists(probabilities, max_size=60) | st.builds(
    lambda score, count: [score] * count, probabilities, st.integers(0, 9999)
)
few = st.lists(probabilities, max_size=12)


@given(scores, thresholds, st.none() | thresholds, few, few)
@example([], 0.2, None, [], [])
@example([0.0], 0.0, 0.0, [0.0], [1.0])
@example([1.0], 1.0, 1.0, [], [0.5])
@example(MANY, 0.9, 0.8, MANY, MANY)
@example([0.5] * 10_000, 1.0, 0.123456789, [0.5] * 10_000, [])
@settings(max_examples=40, deadline=None)
def test_any_scores(
    values: list[float], flag_below: float, urgent_below: float | None, confirmed: list[float], dismissed: list[float]
) -> None:
    draw_checked(spread_picture, values, flag_below, urgent_below, confirmed, dismissed)


def test_the_alt_text_states_the_figures() -> None:
    values = [0.04, 0.1, 0.19, 0.2, 0.5, 0.7, 0.9, 1.0]
    picture = draw_checked(spread_picture, values, 0.2, 0.05, [0.04, 0.1], [0.19])
    assert picture.alt == (
        "Histogram of P(positive) of 8 messages. 3 would be flagged, below 0.20; 1 of them urgent, below 0.05. "
        "From 0 to 1 in steps of 0.2: 3, 1, 1, 1, 2. Median 0.35; the middle half is between 0.17 and 0.75. "
        "Moderators confirmed 2 cases and dismissed 1."
    )
    assert spread_picture([0.3], 0.125).alt == (
        "Histogram of P(positive) of 1 message. 0 would be flagged, below 0.125. "
        "From 0 to 1 in steps of 0.2: 0, 1, 0, 0, 0."
    )


def test_one_flagged_message_of_many_is_visible() -> None:
    picture = draw_checked(spread_picture, [0.05] + [0.95] * 9_999, 0.2)
    assert count_of(NEGATIVE, bars(picture)) > 100
    assert count_of(NEGATIVE, bars(spread_picture([0.95] * 10_000, 0.2))) == 0


def test_bar_areas_are_proportional_to_counts() -> None:
    image = bars(draw_checked(spread_picture, [0.01] * 10 + [0.12] * 20 + [0.62] * 40, 0.3, 0.1))
    urgent, flagged, rest = (count_of(colour, image) for colour in (URGENT, NEGATIVE, NEUTRAL))
    assert abs(flagged / urgent - 2) < 0.05
    assert abs(rest / urgent - 4) < 0.1


def test_a_bin_is_split_at_the_threshold() -> None:
    image = bars(spread_picture([0.21] * 10 + [0.24] * 10, 0.22))
    assert abs(count_of(NEGATIVE, image) / count_of(NEUTRAL, image) - 1) < 0.05


def test_urgent_is_never_more_than_flagged() -> None:
    assert "1 would be flagged, below 0.10; 1 of them urgent, below 0.10." in spread_picture([0.05, 0.3], 0.1, 0.5).alt


def test_decided_cases_are_marked_at_their_scores() -> None:
    image = image_of(draw_checked(spread_picture, [0.1] * 9, 0.2, None, [0.75], [0.9]))
    strip = (THRESHOLD_X, 412, 800, 460)
    assert count_of(TEXT, image.crop(strip)) > 20
    assert count_of(MUTED, image.crop(strip)) > 5
    assert count_of(TEXT, image_of(spread_picture([0.1] * 9, 0.2, None, [0.01], [0.02])).crop(strip)) == 0


def bars(picture: Picture) -> Image.Image:
    """Return the part of the picture that has the bars."""
    area: Any = (0, 200, 800, 404)
    return image_of(picture).crop(area)
