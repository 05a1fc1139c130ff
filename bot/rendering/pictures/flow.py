"""Tokens and words as boxes that flow in lines, like a text."""

import math
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby, pairwise

from bot.rendering.escaping import isolated, seen_characters, visible_characters, visible_text
from bot.rendering.pictures.canvas import MARGIN, WIDTH, Canvas
from bot.rendering.pictures.direction import bidi_class, is_right_to_left, levels_of, visual_order
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
    shown = "".join(visible_characters(text[:_LONGEST]))
    return f"{shown}…" if len(text) > _LONGEST else shown or "∅"


def quoted_token(text: str) -> str:
    """Return a token in quotation marks for an alt text, cut to 24 characters."""
    shown = box_text(text)
    if len(shown) > _ALT_LONGEST:
        shown = (_fitting(seen_characters(shown), _ALT_LONGEST - 1) or shown[: _ALT_LONGEST - 1]) + "…"
    return f"“{isolated(shown)}”"


def end_of_prompt(prompt: str, most: int) -> str:
    """Return the last `most` characters of a prompt on one line, after … if it has more."""
    shown = visible_text(prompt).replace("\n", "↵").replace("\t", "⇥")
    if len(shown) > most:
        shown = "…" + _fitting(seen_characters(shown), most, at_end=True)
    return isolated(shown)


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
    in pixels, and `least` is the minimum width of a box. Texts that run from right to left do so here: in lines that
    begin at the right if the first letter since the last break is of such a script.
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
    return _in_visual_order(boxes, breaks, gap)


def _in_visual_order(boxes: list[Box], breaks: Collection[int], gap: int) -> list[Box]:
    """Move the boxes within their lines, where some run from right to left."""
    classes = [bidi_class(box.text) for box in boxes]
    if not {"R", "AL"} & set(classes):
        return boxes
    moved: list[Box] = []
    starts = sorted({0, *(index for index in breaks if index < len(boxes))})
    for start, end in pairwise([*starts, len(boxes)]):
        right_to_left = is_right_to_left(boxes[index].text for index in range(start, end))
        levels = levels_of(classes[start:end], right_to_left=right_to_left)
        for _, run in groupby(range(start, end), key=lambda index: boxes[index].line):
            line = list(run)
            order = [line[index] for index in visual_order([levels[index - start] for index in line])]
            widths = [boxes[index].width + gap for index in order]
            left = WIDTH - MARGIN + gap - sum(widths) if right_to_left else MARGIN
            lefts = dict(zip(order, accumulate(widths, initial=left), strict=False))
            moved.extend(replace(boxes[index], left=lefts[index]) for index in line)
    return moved


def _fitting(seen: Sequence[str], most: int, *, at_end: bool = False) -> str:
    """Return the first of the texts that have at most `most` characters together, or the last."""
    lengths = list(accumulate(map(len, reversed(seen) if at_end else seen)))
    count = bisect_right(lengths, most)
    return "".join(seen[len(seen) - count :] if at_end else seen[:count])


def breaks_of(texts: Sequence[str]) -> set[int]:
    """Return the indices at which a new line of the text begins. Empty lines are skipped."""
    return {index for index in range(1, len(texts)) if "\n" in texts[index - 1] and texts[index].strip("\r\n")}


def more_text(count: int, what: str) -> str:
    """Return ``… 3 more tokens``."""
    return f"… {count:,} more {what}" if count == 1 else f"… {count:,} more {what}s"
