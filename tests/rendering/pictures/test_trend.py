"""The trend of a channel: a day with fewer than 5 messages is neither shown nor part of a sum."""

import random
import re
from datetime import date, timedelta
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.features.review.embeds.periods import SMALLEST_GROUP, Period, Unit, periods_between
from bot.features.review.embeds.trend import trend_picture
from bot.rendering.pictures.canvas import Canvas
from bot.rendering.pictures.palette import NEUTRAL, POSITIVE
from tests.rendering.pictures.checks import count_of, draw_checked, image_of

FIRST = date(2026, 12, 28)
Pairs = list[tuple[int, int]]
pairs = st.integers(0, 12) | st.integers(0, 100_000)
counted = pairs.flatmap(lambda count: st.tuples(st.just(count), st.integers(0, count)))


def periods_of(days: Pairs) -> list[Period]:
    return [Period(FIRST + timedelta(position), *pair) for position, pair in enumerate(days)]


@given(st.lists(counted, max_size=70), st.sampled_from(["day", "week"]))
@example([], "day")
@example([(4, 4)], "day")
@example([(5, 0)], "week")
@example([(10_000, 5_000)] * 60, "day")
@example([(99_999, 0)], "day")
@example([(149_999, 0)], "day")
@example([(3_999_999, 0), (6, 1)], "week")
@example([(7, 7), (0, 0), (3, 1)] * 20, "day")
@settings(max_examples=40, deadline=None)
def test_any_counts(days: Pairs, unit: Unit) -> None:
    draw_checked(trend_picture, periods_of(days), unit)


@given(st.lists(counted, min_size=1, max_size=40))
@settings(max_examples=40, deadline=None)
def test_totals_count_only_the_days_that_are_shown(days: Pairs) -> None:
    written: list[str] = []
    write = Canvas.text

    def record(canvas: Canvas, x: float, y: float, text: str, **look: object) -> object:
        written.append(text)
        return write(canvas, x, y, text, **look)  # type: ignore[arg-type]  # as they came

    with patch.object(Canvas, "text", record):
        alt = trend_picture(periods_of(days)).alt
    shown = sum(count for count, _ in days if count >= SMALLEST_GROUP)
    for text in (alt, " ".join(written)):
        assert re.findall(r"([\d,]+) messages,", text) == ([f"{shown:,}"] if shown else [])


def test_a_period_with_few_messages_hides_its_counts() -> None:
    assert Period(FIRST, 4, 3) == Period(FIRST, None, None)
    assert Period(FIRST, None, 3).positive is None
    assert Period(FIRST, 5, 3).share == 0.6
    assert Period(FIRST, 0, 0).count == 0


def test_the_alt_text_states_the_figures() -> None:
    picture = draw_checked(trend_picture, periods_of([(10, 5), (4, 4), (0, 0), (20, 15)]))
    assert picture.alt == (
        "Share of positive messages and their number per day, 28 December 2026 to 31 December 2026. 67% positive: "
        "30 messages, as a small model reads them. Hidden, with fewer than 5 messages: 1 day. "
        "Lowest 28 Dec: 50% of 10; highest 31 Dec: 75% of 20. Each: 28 Dec: 50% of 10, 31 Dec: 75% of 20."
    )


@pytest.mark.parametrize(
    ("days", "finding"),
    [
        ([(100, 50)] * 10 + [(100, 70)] * 10, "70% positive, up from 50%: 2,000 messages, second half"),
        ([(100, 70)] * 2 + [(100, 50)] * 2, "50% positive, down from 70%: 400 messages, second half"),
        ([(10, 5)] * 2 + [(10, 7)] * 2, "60% positive, no clear change: 40 messages"),  # too few messages to tell
        (
            [(100_000, 50_000)] * 2 + [(100_000, 51_000)] * 2,
            "50% positive, no clear change",
        ),  # too small a change to matter
        ([(9, 9)] * 8, "100% positive, no clear change"),
        ([(4, 4)] * 8, "Too few messages to show: no day has 5 or more."),
    ],
)
def test_a_change_is_reported_only_beyond_chance(days: Pairs, finding: str) -> None:
    assert finding in trend_picture(periods_of(days)).alt


def test_a_hidden_day_leaves_a_gap() -> None:
    whole = image_of(trend_picture(periods_of([(10, 5)] * 9)))
    broken = image_of(draw_checked(trend_picture, periods_of([(10, 5)] * 4 + [(4, 2)] + [(10, 5)] * 4)))
    middle = (380, 160, 420, 330)
    assert count_of(POSITIVE, whole.crop(middle)) > 100
    assert count_of(POSITIVE, broken.crop(middle)) == 0
    slot = (372, 404, 428, 512)
    assert count_of(NEUTRAL, whole.crop(slot)) > 1000
    assert count_of(NEUTRAL, broken.crop(slot)) == 0


def test_a_single_day_is_a_dot() -> None:
    assert count_of(POSITIVE, image_of(trend_picture(periods_of([(9, 9)]))).crop((380, 160, 420, 190))) > 40


def test_days_without_messages_are_included() -> None:
    unit, periods = periods_between(FIRST, FIRST + timedelta(2), {FIRST: (7, 3), FIRST + timedelta(2): (4, 1)})
    assert unit == "day"
    assert periods == (
        Period(FIRST, 7, 3),
        Period(FIRST + timedelta(1), 0, 0),
        Period(FIRST + timedelta(2), None, None),
    )


def test_more_than_60_days_are_grouped_into_weeks() -> None:
    last = FIRST + timedelta(60)
    days = {FIRST + timedelta(position): (1, 1) for position in range(61)}
    assert periods_between(FIRST, last - timedelta(1), days)[0] == "day"
    unit, weeks = periods_between(FIRST, last, days)
    assert unit == "week"
    assert weeks == tuple(Period(last - timedelta(7 * back - 1), 7, 7) for back in range(8, 0, -1))


def test_a_year_is_drawn() -> None:
    chance = random.Random(0)
    days = {FIRST + timedelta(position): (chance.randrange(9), 0) for position in range(365)}
    unit, weeks = periods_between(FIRST, FIRST + timedelta(364), days)
    draw_checked(trend_picture, weeks, unit)
