"""Tokens and words as boxes that flow in lines, like a text."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.rendering.escaping import ISOLATE, POP_ISOLATE, visible_token
from bot.rendering.pictures.canvas import MARGIN, WIDTH, Canvas
from bot.rendering.pictures.palette import TEXT

SIZE = 24  # of the text in a box
PADDING = 6  # between a box's edge and its text
_LONGEST = 80  # characters of a token, more than fit in a line
_ALT_LONGEST = 24  # characters of a token in an alt text


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its text, its left edge and width in pixels, and its line number from 0."""

    text: str
    left: int
    width: int
    line: int

    def write(self, canvas: Canvas, baseline: float, *, colour: str = TEXT) -> None:
        """Write the text in the middle of the box."""
        middle, room = self.left + self.width / 2, self.width - 2 * PADDING
        canvas.text(middle, baseline, self.text, size=SIZE, colour=colour, align="center", room=room)


def box_text(text: str) -> str:
    """Return a token for its box: spaces as ``·``, line breaks as ``↵``, an empty token as ``∅``."""
    return visible_token(text[:_LONGEST]).strip(ISOLATE + POP_ISOLATE) or "∅"


def quoted_token(text: str) -> str:
    """Return a token in quotation marks for an alt text, cut to 24 characters."""
    visible = box_text(text)
    return f"“{visible if len(visible) <= _ALT_LONGEST else visible[: _ALT_LONGEST - 1] + '…'}”"


def flow(
    canvas: Canvas,
    texts: Sequence[str],
    most_lines: int,
    *,
    breaks: Collection[int] = (),
    gap: int = 2,
    widths: Sequence[float] = (),
    least: int = 0,
) -> list[Box]:
    """Return the boxes that fit in `most_lines` lines, which can be fewer than `texts`.

    A new line begins at each index in `breaks`. `widths` are the minimum widths of the boxes' contents
    in pixels, and `least` is the minimum width of a box.
    """
    boxes: list[Box] = []
    left, line = MARGIN, 0
    room = WIDTH - 2 * MARGIN
    for index, text in enumerate(texts):
        needed = max(canvas.width_of(text, size=SIZE), widths[index] if widths else 0)
        width = min(room, max(least, math.ceil(needed) + 2 * PADDING))
        if left > MARGIN and (left + width > WIDTH - MARGIN or index in breaks):
            left, line = MARGIN, line + 1
        if line >= most_lines:
            break
        boxes.append(Box(text, left, width, line))
        left += width + gap
    return boxes


def breaks_of(texts: Sequence[str]) -> set[int]:
    """Return the indices at which a new line of the text begins. Empty lines are skipped."""
    return {index for index in range(1, len(texts)) if "\n" in texts[index - 1] and texts[index].strip("\r\n")}


def more_text(count: int, what: str) -> str:
    """Return ``… 3 more tokens``."""
    return f"… {count:,} more {what}" if count == 1 else f"… {count:,} more {what}s"
