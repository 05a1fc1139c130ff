"""A canvas for pictures: rectangles, lines, marks and texts in pixels, from the top left."""

import io
import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import add
from typing import TYPE_CHECKING, Literal

from bot.rendering.escaping import seen_characters
from bot.rendering.pictures.emoji import Emoji, draw_emoji
from bot.rendering.pictures.fonts import EMOJI_SPACE, Lettering, lettering
from bot.rendering.pictures.palette import BACKGROUND, MUTED, TEXT
from bot.rendering.pictures.picture import Picture

if TYPE_CHECKING:  # importing matplotlib takes most of a second, so it is imported when drawing
    from matplotlib.backend_bases import GraphicsContextBase
    from matplotlib.ft2font import FT2Font
    from matplotlib.path import Path
    from numpy import uint8
    from numpy.typing import NDArray

# Discord shows an embed's picture up to 400 pixels wide and 300 high, and about 300 wide on a phone. Twice that is
# sharp on dense screens, and labels are 10 to 13 pixels high when shown.
WIDTH = 800
HEIGHT_LIMIT = 600  # Discord scales down a taller picture, so it becomes narrower
MARGIN = 32
TITLE = 40
SUBTITLE = 28
LABEL = 26
SMALLEST = 22  # 11 pixels at half the width; no text is smaller
BOLD = 700
REGULAR = 400
_DPI = 72  # one point is one pixel, so sizes are in pixels
_COLOURS = 256
_OTHER_SPACE = "\u2001"  # as wide as `EMOJI_SPACE`, with another glyph
_LONGEST = 1000  # characters of a text, more than fit anywhere

Align = Literal["left", "center", "right"]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class DrawnText:
    """A text as drawn: its characters, their size, and its bounds in pixels from the top left."""

    text: str
    size: float
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class _Stamp:
    """A rendered text: its extent in pixels, the coverage of each pixel by letters, and its emoji in colour."""

    text: str
    width: float
    height: float
    descent: float
    covered: "NDArray[uint8]"
    left: float  # from the text's left edge to the left edge of `covered`
    below: float  # from the baseline to the bottom of `covered`
    emoji: Sequence[tuple[float, Emoji]]  # with the distance of each from the text's left edge


class Canvas:
    """A background `WIDTH` pixels wide. Later calls draw over earlier ones."""

    def __init__(self, height: int) -> None:
        from matplotlib.backends.backend_agg import RendererAgg
        from matplotlib.transforms import Affine2D
        from numpy import asarray

        self.height = height
        self.texts: list[DrawnText] = []
        # Most texts are measured and then written, and many repeat, so each text is laid out once and cached.
        # The renderer's own `draw_text` takes four times as long, and some pictures have hundreds of texts.
        self._stamps: dict[tuple[str, float, int], _Stamp] = {}
        # The renderer alone, without figures and artists. pyplot would keep global state.
        self._agg = RendererAgg(WIDTH, height, _DPI)
        self._pixels = asarray(self._agg.buffer_rgba())
        self._from_top = Affine2D().scale(1, -1).translate(0, height)
        self.rectangle(0, 0, WIDTH, height, BACKGROUND)

    def heading(self, title: str, subtitle: str) -> None:
        """Write the title, which states the result, and below it the subtitle, which gives the context."""
        self.text(MARGIN, 64, title, size=TITLE, weight=BOLD, room=WIDTH - 2 * MARGIN)
        self.text(MARGIN, 104, subtitle, size=SUBTITLE, colour=MUTED, room=WIDTH - 2 * MARGIN)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = LABEL,
        colour: str = TEXT,
        weight: int = REGULAR,
        align: Align = "left",
        room: float | None = None,
    ) -> DrawnText:
        """Write one line with the baseline `y`, aligned at `x`, and return it with its bounds.

        A text wider than `room` is made smaller, down to `SMALLEST`, and then cut.
        """
        text, size = self._fit(text[:_LONGEST], size, weight, room)
        stamp = self._stamp(text, size, weight)
        left = x - stamp.width * {"left": 0, "center": 0.5, "right": 1}[align]
        bottom = y + stamp.descent
        self._press(stamp, round(left + stamp.left), round(y + stamp.below), colour)
        for offset, emoji in stamp.emoji:
            self._paste(emoji, round(left + offset), round(y))
        self.texts.append(DrawnText(stamp.text, size, left, bottom - stamp.height, left + stamp.width, bottom))
        return self.texts[-1]

    def width_of(self, text: str, *, size: float = LABEL, weight: int = REGULAR) -> float:
        """Return the width of a text in pixels."""
        return self._stamp(text, size, weight).width

    def height_of(self, text: str, *, size: float = LABEL, weight: int = REGULAR) -> tuple[float, float]:
        """Return a text's height above its baseline and its depth below it, in pixels."""
        stamp = self._stamp(text, size, weight)
        return stamp.height - stamp.descent, stamp.descent

    def rectangle(self, x: float, y: float, width: float, height: float, colour: str, *, hatched: bool = False) -> None:
        """Draw a rectangle with its top left corner at `x`, `y`: filled, or hatched without a fill."""
        from matplotlib.path import Path

        if not hatched and all(float(edge).is_integer() for edge in (x, y, width, height)):
            left, top = max(0, int(x)), max(0, int(y))  # whole pixels are filled directly
            self._pixels[top : max(0, int(y + height)), left : max(0, int(x + width))] = (*_channels(colour), 255)
            return
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
        pen = self._pen(colour)
        if hatched:
            pen.set_hatch("////")
            pen.set_hatch_color(colour)
        self._draw(Path(corners, closed=True), pen, fill=None if hatched else colour)

    def gradient(
        self, x: int, y: int, width: int, height: int, colour: Callable[[float], str], *, steps: int = 64
    ) -> None:
        """Fill a rectangle with `colour(share)`, for shares from 0 at the left to 1 at the right."""
        edges = [x + round(step * width / steps) for step in range(steps + 1)]
        for step in range(steps):
            self.rectangle(edges[step], y, edges[step + 1] - edges[step], height, colour(step / (steps - 1)))

    def line(self, points: Sequence[Point], colour: str, *, width: float = 2) -> None:
        """Draw a line through points."""
        from matplotlib.path import Path

        self._draw(Path(points), self._pen(colour, width))

    def marks(self, points: Sequence[Point], colour: str, *, size: float = 10, hollow: bool = False) -> None:
        """Draw a disc, or a ring, at each point."""
        from matplotlib.colors import to_rgb
        from matplotlib.path import Path
        from matplotlib.transforms import Affine2D

        fill = to_rgb(BACKGROUND if hollow else colour)
        disc, upright = Path.circle(radius=size / 2), Affine2D()
        self._agg.draw_markers(self._pen(colour, 2), disc, upright, Path(points), self._from_top, fill)

    def end_at(self, height: int) -> None:
        """Crop the picture to `height`."""
        self.height = min(height, self.height)

    def picture(self, alt: str) -> Picture:
        """Return what was drawn, with its alt text."""
        from PIL import Image

        pixels = Image.fromarray(self._pixels[: self.height]).convert("RGB")
        file = io.BytesIO()
        # With 256 colours the file is a third of the size. Areas keep their colour. The change at edges is invisible.
        pixels.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(file, "PNG")
        return Picture(file.getvalue(), alt)

    def _fit(self, text: str, size: float, weight: int, room: float | None) -> tuple[str, float]:
        if room is None:
            return text, size
        while (width := self.width_of(text, size=size, weight=weight)) > room and size > SMALLEST:
            size = max(SMALLEST, min(size - 1, math.floor(size * room / width)))
        if width > room:
            text = self._cut(text, size, weight, room)
        return text, size

    def _cut(self, text: str, size: float, weight: int, room: float) -> str:
        """Return the beginning of a text that fits, with …, cut between what a reader sees as characters."""

        def beginning(parts: Sequence[str]) -> Sequence[str]:
            ends = range(len(parts) + 1)
            fitting = bisect_right(
                ends, room, key=lambda end: self.width_of("".join(parts[:end]) + "…", size=size, weight=weight)
            )
            return parts[: max(0, fitting - 1)]

        seen = seen_characters(text)
        kept = beginning(seen)
        following = "".join(seen[len(kept) : len(kept) + 1])
        if "\\" in lettering(following, weight).text and "\\" not in following:
            kept = beginning([*kept, *following])  # between the code points of an emoji without a font
        return "".join(kept) + "…"

    def _stamp(self, text: str, size: float, weight: int) -> _Stamp:
        from matplotlib.backends.backend_agg import get_hinting_flag

        key = text, size, weight
        if key not in self._stamps:
            letters = lettering(text, weight)
            font = _font(letters.families, weight)
            font.clear()
            font.set_size(size, _DPI)
            font.set_text(letters.text, flags=get_hinting_flag())
            font.draw_glyphs_to_bitmap()
            width, height = font.get_width_height()
            left, _ = font.get_bitmap_offset()
            below = font.get_descent() / 64
            covered = font.get_image().copy()
            lefts = _emoji_lefts(letters, font) if letters.emoji else ()
            emoji = [(at, draw_emoji(sequence, size)) for at, sequence in zip(lefts, letters.emoji, strict=True)]
            above = max([height / 64 - below, *(drawn.top for _, drawn in emoji)])
            descent = max([below, *(len(drawn.pixels) - drawn.top for _, drawn in emoji)])
            self._stamps[key] = _Stamp(
                letters.shown, width / 64, above + descent, descent, covered, left / 64, below, emoji
            )
        return self._stamps[key]

    def _press(self, stamp: _Stamp, left: int, bottom: int, colour: str) -> None:
        """Colour the covered pixels that are on the canvas."""
        from numpy import array, uint16

        height, width = stamp.covered.shape
        top = bottom - height
        below, beside = max(0, -top), max(0, -left)
        area = self._pixels[top + below : max(0, bottom), left + beside : max(0, left + width), :3]
        covered = stamp.covered[below : below + area.shape[0], beside : beside + area.shape[1], None].astype(uint16)
        area[:] = (area * (255 - covered) + array(_channels(colour), uint16) * covered + 127) // 255

    def _paste(self, emoji: Emoji, left: int, baseline: int) -> None:
        """Draw the part of an emoji that is on the canvas."""
        from numpy import uint16

        left, top = left + emoji.left, baseline - emoji.top
        height, width = emoji.pixels.shape[:2]
        below, beside = max(0, -top), max(0, -left)
        area = self._pixels[top + below : max(0, top + height), left + beside : max(0, left + width), :3]
        pixels = emoji.pixels[below : below + area.shape[0], beside : beside + area.shape[1]].astype(uint16)
        area[:] = ((area * (255 - pixels[:, :, 3:]) + 127) // 255 + pixels[:, :, :3]).clip(0, 255)

    def _pen(self, colour: str, width: float = 0) -> "GraphicsContextBase":
        pen = self._agg.new_gc()
        pen.set_foreground(colour)
        pen.set_linewidth(width)
        return pen

    def _draw(self, path: "Path", pen: "GraphicsContextBase", fill: str | None = None) -> None:
        from matplotlib.colors import to_rgb

        self._agg.draw_path(pen, path, self._from_top, to_rgb(fill) if fill else None)


def _font(families: tuple[str, ...], weight: int) -> "FT2Font":
    """Return this thread's font, with fallback fonts for missing characters."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return get_font([findfont(FontProperties(family=[family], weight=weight)) for family in families])


def _channels(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def _emoji_lefts(letters: Lettering, font: "FT2Font") -> list[float]:
    """Return how far each emoji is from the text's left edge, in pixels, at the font's size."""
    from matplotlib.textpath import TextToPath

    layout = TextToPath().get_glyphs_with_font
    ((space, *_),), _, _ = layout(font, EMOJI_SPACE)
    lefts = []
    for number in range(len(letters.emoji)):
        # The other emoji get another space of the same width, because a text from right to left changes their order.
        before, *after = letters.text.split(EMOJI_SPACE)
        spaces = [EMOJI_SPACE if index == number else _OTHER_SPACE for index in range(len(after))]
        glyphs, _, _ = layout(font, before + "".join(map(add, spaces, after)))
        lefts.append(next(left for glyph, left, *_ in glyphs if glyph == space))
    return lefts
