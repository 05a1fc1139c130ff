"""The picture of a preview: a histogram of the scores, and how many a threshold would flag."""

from collections.abc import Sequence
from statistics import quantiles
from typing import NamedTuple

from bot.rendering.pictures.canvas import HEIGHT_LIMIT, MARGIN, WIDTH, Canvas
from bot.rendering.pictures.palette import BACKGROUND, MUTED, NEGATIVE, NEUTRAL, POSITIVE, TEXT, THRESHOLD, URGENT
from bot.rendering.pictures.picture import Picture
from bot.rendering.pictures.plot import Plot, round_counts

BINS = 20
_TOP, _BOTTOM = 208, 400  # of the bars, in pixels
_URGENT_NAME, _FLAG_NAME = 152, 188  # baselines; urgent's is above, because its line is further left
_GAP = 4  # pixels between bars
_LEAST = 4  # pixels of a bar that is not empty: moderators look for one message in 10,000
_ROW = 22  # pixels between rows of decisions


class Bin(NamedTuple):
    """How many messages of a bin are urgent, flagged but not urgent, and not flagged."""

    urgent: int
    flagged: int
    rest: int


def spread_picture(
    probabilities: Sequence[float],
    flag_below: float,
    urgent_below: float | None = None,
    confirmed: Sequence[float] = (),
    dismissed: Sequence[float] = (),
) -> Picture:
    """Draw a histogram of P(positive), the thresholds, and P(positive) of the cases decided so far."""
    urgent_below = None if urgent_below is None else min(urgent_below, flag_below)
    bins = _bins(probabilities, flag_below, urgent_below)
    urgent = sum(counts.urgent for counts in bins)
    flagged = urgent + sum(counts.flagged for counts in bins)
    decided = bool(confirmed or dismissed)
    canvas = Canvas(HEIGHT_LIMIT if decided else 500)
    canvas.heading(_title(flagged, len(probabilities)), "messages by P(positive), as a small model reads them")
    plot = _plot(canvas, max(1, *map(sum, bins)))
    for position, counts in enumerate(bins):
        _bar(plot, position, counts)
    foot = _BOTTOM + (3 * _ROW if decided else 0)
    if urgent_below is not None:
        _threshold(plot, urgent_below, f"urgent below {_number(urgent_below)}: {urgent:,}", URGENT, _URGENT_NAME, foot)
    _threshold(plot, flag_below, f"flag below {_number(flag_below)}: {flagged:,}", NEGATIVE, _FLAG_NAME, foot)
    _axis(plot, foot)
    _decisions(plot, confirmed, dismissed, canvas.height - 26)
    return canvas.picture(_alt(probabilities, flag_below, flagged, urgent_below, urgent, confirmed, dismissed))


def _bins(probabilities: Sequence[float], flag_below: float, urgent_below: float | None) -> list[Bin]:
    counts = [[0, 0, 0] for _ in range(BINS)]
    for probability in probabilities:
        level = 0 if urgent_below is not None and probability < urgent_below else 1 if probability < flag_below else 2
        counts[min(BINS - 1, int(probability * BINS))][level] += 1
    return [Bin(*levels) for levels in counts]


def _title(flagged: int, count: int) -> str:
    if not count:
        return "No message is scored yet"
    return f"{f'{flagged:,}' if flagged else 'None'} of {_messages(count)} would be flagged"


def _plot(canvas: Canvas, highest: int) -> Plot:
    counts = round_counts(highest)
    right = WIDTH - MARGIN
    left = MARGIN + max(canvas.width_of(name) for _, name in counts) + 12
    left = right - BINS * int((right - left) / BINS)  # bars of equal width in whole pixels
    plot = Plot(canvas, left, _TOP, right, _BOTTOM, highest)
    plot.grid(counts)
    return plot


def _bar(plot: Plot, position: int, counts: Bin) -> None:
    """Draw a bin with its flagged messages at the bottom: there the smallest part still begins on the axis."""
    left, right = round(plot.x(position / BINS)) + _GAP // 2, round(plot.x((position + 1) / BINS)) - _GAP // 2
    bottom = plot.bottom
    done = 0
    for count, colour in zip(counts, (URGENT, NEGATIVE, NEUTRAL), strict=True):
        if count:
            done += count
            top = min(round(plot.y(done)), bottom - _LEAST)
            plot.canvas.rectangle(left, top, right - left, bottom - top, colour)
            bottom = top


def _threshold(plot: Plot, below: float, name: str, colour: str, baseline: int, foot: int) -> None:
    x = round(plot.x(below))
    plot.canvas.line([(x, baseline - 20), (x, foot)], THRESHOLD)
    width = plot.canvas.width_of(name)
    left = x + 12 if x + 12 + width <= plot.right else x - 12 - width
    plot.canvas.rectangle(left - 4, baseline - 22, width + 8, 30, BACKGROUND)  # hides the other line
    plot.canvas.text(left, baseline, name, colour=colour)


def _decisions(plot: Plot, confirmed: Sequence[float], dismissed: Sequence[float], key: int) -> None:
    """Mark the decided cases in two rows below the bars, with a key below the axis."""
    kinds = ((confirmed, "confirmed", TEXT, False), (dismissed, "dismissed", MUTED, True))
    left = plot.left
    for row, (probabilities, name, colour, hollow) in enumerate(kinds, start=1):
        if not probabilities:
            continue
        positions = sorted({round(plot.x(probability)) for probability in probabilities})
        plot.canvas.marks([(x, plot.bottom + row * _ROW) for x in positions], colour, hollow=hollow)
        plot.canvas.marks([(left + 6, key - 9)], colour, hollow=hollow)
        written = plot.canvas.text(left + 20, key, f"{len(probabilities):,} {name}", colour=colour)
        left = written.right + 32


def _axis(plot: Plot, foot: int) -> None:
    for tenths in range(0, 11, 2):
        plot.canvas.text(plot.x(tenths / 10), foot + 36, f"{tenths / 10:g}", colour=MUTED, align="center")
    plot.canvas.text(plot.left, foot + 72, "← sounds negative", colour=NEGATIVE)
    plot.canvas.text(plot.right, foot + 72, "sounds positive →", colour=POSITIVE, align="right")


def _alt(
    probabilities: Sequence[float],
    flag_below: float,
    flagged: int,
    urgent_below: float | None,
    urgent: int,
    confirmed: Sequence[float],
    dismissed: Sequence[float],
) -> str:
    if not probabilities:
        return "Empty histogram of P(positive): no message is scored yet."
    sentences = [
        f"Histogram of P(positive) of {_messages(len(probabilities))}.",
        f"{flagged:,} would be flagged, below {_number(flag_below)}"
        + (f"; {urgent:,} of them urgent, below {_number(urgent_below)}." if urgent_below is not None else "."),
        _fifths(probabilities),
    ]
    if len(probabilities) > 1:
        low, middle, high = quantiles(probabilities, n=4, method="inclusive")
        sentences.append(f"Median {middle:.2f}; the middle half is between {low:.2f} and {high:.2f}.")
    if confirmed or dismissed:
        sentences.append(f"Moderators confirmed {len(confirmed):,} cases and dismissed {len(dismissed):,}.")
    return " ".join(sentences)


def _fifths(probabilities: Sequence[float]) -> str:
    counts = [0] * 5
    for probability in probabilities:
        counts[min(4, int(probability * 5))] += 1
    return "From 0 to 1 in steps of 0.2: " + ", ".join(f"{count:,}" for count in counts) + "."


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count:,} messages"


def _number(threshold: float) -> str:
    """Return a threshold with two decimals, or more if it needs them."""
    return f"{threshold:.2f}" if round(threshold, 2) == threshold else f"{threshold:.4g}"
