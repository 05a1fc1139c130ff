"""The picture of a channel's statistics: the number of messages over time, and the share of positive ones."""

import math
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby

from bot.features.review.embeds.periods import SMALLEST_GROUP, Period, Unit
from bot.rendering.pictures.canvas import BOLD, MARGIN, WIDTH, Canvas
from bot.rendering.pictures.palette import BACKGROUND, MUTED, NEUTRAL, POSITIVE
from bot.rendering.pictures.picture import ALT_LIMIT, Picture
from bot.rendering.pictures.plot import MIDDLE, Plot, round_counts

_LEFT, _RIGHT = 120, WIDTH - MARGIN - 80  # the last share is written to the right
_SHARES = (180, 316)  # top and bottom of a field, in pixels
_COUNTS = (404, 510)
_HEIGHT = 580
_ABOVE = 20  # pixels from the top of a field up to the baseline of its name
_LEAST, _WIDEST = 3, 60  # least height and greatest width of a bar, in pixels
_STUB = 16  # pixels: height of the mark for a hidden period
_BETWEEN_DATES = 28  # least distance between dates, in pixels
_CLEAR = 2.0  # standard errors: a smaller difference between the halves is no clear change
_SMALLEST_CHANGE = 0.03


def trend_picture(periods: Sequence[Period], unit: Unit = "day") -> Picture:
    """Draw the share of positive messages and the number of messages over time, with a gap for 1 to 4 messages.

    Sums include only the shown periods: otherwise a hidden count could be found by subtraction.
    """
    canvas = Canvas(_HEIGHT)
    title, detail = _finding(periods, unit)
    canvas.heading(title, detail)
    _draw_shares(Plot(canvas, _LEFT, _SHARES[0], _RIGHT, _SHARES[1], 1), periods)
    highest = max((period.count or 0 for period in periods), default=0)
    plot = Plot(canvas, _LEFT, _COUNTS[0], _RIGHT, _COUNTS[1], max(1, highest))
    plot.grid(round_counts(highest, most_steps=2))
    _draw_counts(plot, periods, unit)
    _draw_dates(plot, [period.label for period in periods])
    return canvas.picture(_alt(periods, unit, f"{title}: {detail}."))


def _finding(periods: Sequence[Period], unit: Unit) -> tuple[str, str]:
    """Return title and detail; a change is named only if the halves differ by more than 2 standard errors."""
    shown = [period for period in periods if period.share is not None]
    count, positive = _sums(shown)
    if not count:
        return "Too few messages to show", f"no {unit} has {SMALLEST_GROUP} or more"
    read = f"{count:,} messages, as a small model reads them"
    half = len(shown) // 2
    (before, positive_before), (after, positive_after) = _sums(shown[:half]), _sums(shown[half:])
    if half < 2:
        return f"{positive / count:.0%} positive", read
    old, new, share = positive_before / before, positive_after / after, positive / count
    chance = math.sqrt(share * (1 - share) * (1 / before + 1 / after))
    if abs(new - old) < max(_SMALLEST_CHANGE, _CLEAR * chance):
        return f"{share:.0%} positive, no clear change", read
    way = "up" if new > old else "down"
    return f"{new:.0%} positive, {way} from {old:.0%}", f"{count:,} messages, second half compared with the first"


def _sums(periods: Sequence[Period]) -> tuple[int, int]:
    return sum(period.count or 0 for period in periods), sum(period.positive or 0 for period in periods)


def _draw_shares(plot: Plot, periods: Sequence[Period]) -> None:
    plot.canvas.text(plot.left, plot.top - _ABOVE, "share that sounds positive", colour=POSITIVE)
    plot.grid([(0, "0%"), (0.5, "50%"), (1, "100%")])
    runs = list(_runs(plot, periods))
    for points in runs:
        plot.canvas.line(points, POSITIVE, width=4)
        # Up to 31 dots can be told apart. A single point needs a dot, because it makes no line.
        if len(points) == 1 or len(periods) <= 31:
            plot.canvas.marks(points, POSITIVE)
    if runs:
        x, y = runs[-1][-1]
        last = next(period.share for period in reversed(periods) if period.share is not None)
        name = f"{last:.0%}"
        plot.canvas.rectangle(x + 8, y - 14, plot.canvas.width_of(name, weight=BOLD) + 12, 28, BACKGROUND)
        plot.canvas.text(x + 14, y + MIDDLE, name, colour=POSITIVE, weight=BOLD)


def _runs(plot: Plot, periods: Sequence[Period]) -> Iterator[list[tuple[float, float]]]:
    """Yield the points of each run without gaps."""
    shares = enumerate(period.share for period in periods)
    for is_shown, run in groupby(shares, key=lambda item: item[1] is not None):
        if is_shown:
            yield [(_middle(plot, position, periods), plot.y(share)) for position, share in run if share is not None]


def _draw_counts(plot: Plot, periods: Sequence[Period], unit: Unit) -> None:
    name = plot.canvas.text(plot.left, plot.top - _ABOVE, f"messages per {unit}", colour=MUTED)
    room = (plot.right - plot.left) / max(1, len(periods))
    width = min(_WIDEST, int(room) - min(4, int(room) // 4))
    for position, period in enumerate(periods):
        left = round(_middle(plot, position, periods) - width / 2)
        if period.count is None:
            plot.canvas.rectangle(left, plot.bottom - _STUB, width, _STUB, MUTED, hatched=True)
        elif period.count:
            height = max(_LEAST, round(plot.bottom - plot.y(period.count)))
            plot.canvas.rectangle(left, plot.bottom - height, width, height, NEUTRAL)
    if any(period.count is None for period in periods):
        key = name.right + 40
        plot.canvas.rectangle(key, plot.top - _ABOVE - 17, 28, _STUB, MUTED, hatched=True)
        plot.canvas.text(key + 38, plot.top - _ABOVE, f"fewer than {SMALLEST_GROUP}, not shown", colour=MUTED)


def _draw_dates(plot: Plot, dates: Sequence[date]) -> None:
    """Write as many dates below the bars as fit, beginning with the first."""
    room = plot.canvas.width_of("30 May") + _BETWEEN_DATES
    last = -math.inf
    for position, day in enumerate(dates):
        x = plot.x((position + 0.5) / len(dates))
        if x - last >= room:
            plot.canvas.text(x, plot.bottom + 38, _short(day), colour=MUTED, align="center")
            last = x


def _middle(plot: Plot, position: int, periods: Sequence[Period]) -> float:
    return plot.x((position + 0.5) / len(periods))


def _alt(periods: Sequence[Period], unit: Unit, finding: str) -> str:
    """Return the finding, the extremes, and all periods if they fit."""
    if not periods:
        return f"Share of positive messages over time: no {unit} to show."
    sentences = [
        f"Share of positive messages and their number per {unit}, {_long(periods[0].label)} to "
        f"{_long(periods[-1].label)}. {finding}"
    ]
    if hidden := sum(period.count is None for period in periods):
        sentences.append(f"Hidden, with fewer than {SMALLEST_GROUP} messages: {_units(hidden, unit)}.")
    if shown := [(period.share, period) for period in periods if period.share is not None]:
        each = [f"{_short(period.label)}: {share:.0%} of {period.count:,}" for share, period in shown]
        shares = [share for share, _ in shown]
        lowest, highest = each[shares.index(min(shares))], each[shares.index(max(shares))]
        sentences.append(f"Lowest {lowest}; highest {highest}.")
        sentences.append(f"Each: {', '.join(each)}.")
    whole = " ".join(sentences)
    return whole if len(whole) <= ALT_LIMIT else " ".join(sentences[:-1])


def _units(count: int, unit: Unit) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _short(day: date) -> str:
    return f"{day.day} {day:%b}"


def _long(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
