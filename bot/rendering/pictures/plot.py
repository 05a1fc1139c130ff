"""The plot area of a chart: maps values to pixels and draws grid lines."""

from collections.abc import Iterable
from dataclasses import dataclass

from bot.rendering.pictures.canvas import LABEL, Canvas
from bot.rendering.pictures.palette import GRID, MUTED

# Pixels from a label's baseline to the middle of its digits, which are 0.73 of the font size high in DejaVu Sans.
MIDDLE = round(LABEL * 0.73 / 2)


@dataclass(frozen=True, slots=True)
class Plot:
    """An area of a canvas, in pixels. The x axis is a share from 0 to 1, the y axis runs from 0 to `highest`."""

    canvas: Canvas
    left: float
    top: float
    right: float
    bottom: float
    highest: float

    def x(self, share: float) -> float:
        """Return the x coordinate of a share."""
        return self.left + share * (self.right - self.left)

    def y(self, value: float) -> float:
        """Return the y coordinate of a value."""
        return self.bottom - value / self.highest * (self.bottom - self.top)

    def grid(self, values: Iterable[tuple[float, str]]) -> None:
        """Draw a line at each value, with its label to the left."""
        for value, name in values:
            y = round(self.y(value))
            self.canvas.line([(self.left, y), (self.right, y)], GRID)
            self.canvas.text(self.left - 12, y + MIDDLE, name, colour=MUTED, align="right")


def round_counts(highest: int, most_steps: int = 4) -> list[tuple[float, str]]:
    """Return round counts from 0 to `highest`, in at most `most_steps` steps, with their labels."""
    step = 1
    while highest // step > most_steps:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2  # 1, 2, 5, 10, 20
    return [(count, _short(count, highest)) for count in range(0, highest + 1, step)]


def _short(count: int, highest: int) -> str:
    """Return a round count in few characters: ``20,000``, ``150k``, ``0.4M``."""
    if not count or highest < 100_000:
        return f"{count:,}"
    return f"{count / 1_000_000:g}M" if highest >= 1_000_000 else f"{count / 1000:g}k"
