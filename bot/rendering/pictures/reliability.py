"""The reliability diagram: how often texts have a label, by the probability that the model gave it."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.rendering.escaping import isolated
from bot.rendering.pictures.canvas import MARGIN, SMALLEST, WIDTH, Align, Canvas
from bot.rendering.pictures.palette import ACCENT, MUTED, NEUTRAL, THRESHOLD
from bot.rendering.pictures.picture import Picture, alt_list
from bot.rendering.pictures.plot import Plot
from bot.rendering.prose import visible_excerpt

_LEFT, _RIGHT = MARGIN + 96, WIDTH - MARGIN - 8
_TOP, _BOTTOM = 168, 428  # of the plot, in pixels
_AXIS, _COUNTS, _NAMES = 464, 502, 546  # baselines below the plot
_HEIGHT = 570
_WHISKER = 7  # half the width of an interval's ends, in pixels
_NAME_LIMIT = 16  # characters of the label
_TITLE_ROOM = WIDTH // 2 - MARGIN - 8


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The texts with a probability from `low` to `high`.

    `mean` is their mean probability, and `share` how many of `count` have the label, with its 95 % interval. Without
    texts, both are None.
    """

    low: float
    high: float
    mean: float | None
    share: float | None
    share_low: float
    share_high: float
    count: int


def reliability_picture(label: str, bins: Sequence[ReliabilityBin], threshold: float, summary: str) -> Picture:
    """Draw the share of texts with `label` over the mean of its probability, with intervals and counts.

    On the diagonal, probabilities are right: of texts with a probability of 70 %, 70 % have the label. `summary` is the
    title, with the figures of the whole, such as the Brier score.
    """
    name = isolated(visible_excerpt(label.strip(), _NAME_LIMIT))
    filled = [bin_ for bin_ in bins if bin_.count]
    canvas = Canvas(_HEIGHT)
    canvas.heading(summary, f"how many texts are labelled {name}, by P({name})")
    plot = Plot(canvas, _LEFT, _TOP, _RIGHT, _BOTTOM, 1)
    plot.grid([(0.0, "0%"), (0.5, "50%"), (1.0, "100%")])
    canvas.line([(plot.x(0), plot.y(0)), (plot.x(1), plot.y(1))], NEUTRAL, width=4)
    _draw_threshold(plot, threshold)
    _draw_points(plot, filled)
    _draw_axis(plot, filled, name)
    return canvas.picture(_alt(name, filled, threshold, summary))


def _draw_threshold(plot: Plot, threshold: float) -> None:
    x = round(plot.x(min(1.0, threshold)))
    plot.canvas.line([(x, _TOP - 12), (x, _BOTTOM)], THRESHOLD)
    is_right = x > (_LEFT + _RIGHT) / 2
    align: Align = "right" if is_right else "left"
    beside = -10 if is_right else 10
    plot.canvas.text(x + beside, _TOP - 16, f"flags from {threshold:.2f}", size=SMALLEST, align=align, room=_TITLE_ROOM)


def _draw_points(plot: Plot, bins: Sequence[ReliabilityBin]) -> None:
    points = []
    for bin_ in bins:
        x = plot.x((bin_.low + bin_.high) / 2 if bin_.mean is None else bin_.mean)
        low, high = plot.y(bin_.share_low), plot.y(bin_.share_high)
        plot.canvas.line([(x, low), (x, high)], ACCENT, width=3)
        for y in (low, high):
            plot.canvas.line([(x - _WHISKER, y), (x + _WHISKER, y)], ACCENT, width=3)
        points.append((x, plot.y(bin_.share or 0.0)))
    if points:
        plot.canvas.marks(points, ACCENT, size=16)


def _draw_axis(plot: Plot, bins: Sequence[ReliabilityBin], name: str) -> None:
    """Write the probabilities below the plot, and below them the number of texts in each bin."""
    canvas = plot.canvas
    aligns: tuple[tuple[float, Align], ...] = ((0.0, "left"), (0.5, "center"), (1.0, "right"))
    for share, align in aligns:
        canvas.text(plot.x(share), _AXIS, f"{share:.0%}", colour=MUTED, align=align)
    canvas.text(_LEFT - 12, _COUNTS, "texts", size=SMALLEST, colour=MUTED, align="right")
    for bin_ in bins:
        middle, width = plot.x((bin_.low + bin_.high) / 2), plot.x(bin_.high) - plot.x(bin_.low)
        canvas.text(middle, _COUNTS, _short(bin_.count), size=SMALLEST, align="center", room=width - 4)
    canvas.text(_LEFT, _NAMES, f"P({name})", size=SMALLEST, colour=MUTED, room=_TITLE_ROOM - 60)
    canvas.text(_RIGHT, _NAMES, "grey line: perfectly calibrated", size=SMALLEST, colour=MUTED, align="right")


def _short(count: int) -> str:
    return f"{count:,}" if count < 10_000 else f"{count / 1000:.0f}k"


def _alt(name: str, bins: Sequence[ReliabilityBin], threshold: float, summary: str) -> str:
    sentences = [f"Reliability diagram of P({name}). {summary}. Flags from {threshold:.4f}."]
    shares = [
        f"{bin_.low:.1f} to {bin_.high:.1f}: {bin_.share or 0.0:.0%} of {bin_.count:,} "
        f"({bin_.share_low:.0%} to {bin_.share_high:.0%})"
        for bin_ in bins
    ]
    if not shares:
        sentences.append("No text has a verdict.")
    return alt_list(sentences, f"Share labelled {name} by probability, with 95% interval:", shares)
