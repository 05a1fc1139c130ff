"""Tokens and words as boxes that follow each other in lines, as a text does."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.rendering.escaping import ISOLATE, POP_ISOLATE, visible_token
from bot.rendering.pictures.canvas import MARGIN, WIDTH, Canvas
from bot.rendering.pictures.palette import TEXT

SIZE = 24  # of the text in a box
PADDING = 6  # between a box's edge and its text
_LONGEST = 80  # characters of a token, more than fit into a line
_ALT_LONGEST = 24  # and of one in an alt text


@dataclass(frozen=True, slots=True)
class Box:
    """A box in its place: its left edge and width in pixels, and the line in which it stands, from 0."""

    text: str
    left: int
    width: int
    line: int

    def write(self, canvas: Canvas, baseline: float, *, colour: str = TEXT) -> None:
        """Write the text into the middle of the box."""
        middle, room = self.left + self.width / 2, self.width - 2 * PADDING
        canvas.text(middle, baseline, self.text, size=SIZE, colour=colour, align="center", room=room)


def shown(text: str) -> str:
    """Return a token as its box shows it: spaces as ``·``, line breaks as ``↵``, nothing as ``∅``."""
    return visible_token(text[:_LONGEST]).strip(ISOLATE + POP_ISOLATE) or "∅"


def quoted(text: str) -> str:
    """Return a token as an alt text names it, cut to what such a text has room for."""
    visible = shown(text)
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
    """Return the boxes of those texts that fit into `most_lines` lines, which is fewer than all of them.

    A new line begins at each index in `breaks`. `widths` are what each box holds beside or below its text.
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
    """Return the indices before which a line of the text ended; empty lines make no lines of their own."""
    return {index for index in range(1, len(texts)) if "\n" in texts[index - 1] and texts[index].strip("\r\n")}


def more(count: int, what: str) -> str:
    """Return ``… 3 more tokens``."""
    return f"… {count:,} more {what}" if count == 1 else f"… {count:,} more {what}s"
