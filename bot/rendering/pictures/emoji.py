"""Emoji in colour, from a colour font of this machine."""

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported when drawing, like matplotlib
    from numpy import uint8
    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

# Pixels: the sizes of the bitmaps in Noto Color Emoji (109) and Apple Color Emoji (160, 96). Outlines have all sizes.
_SIZES = (109, 160, 96)
_NAMES = ("emoji", "seguiemj")  # of the files of colour fonts, in lower case
_SAMPLE = "\U0001f600"  # a yellow face, which every emoji font has
_WIDEST = 1.3  # times the sample's width; a sequence that the font doesn't have is drawn as several emoji
_JOINERS = "\u200d\ufe0f"


@dataclass(frozen=True, slots=True)
class Emoji:
    """An emoji one em wide: its colours, already multiplied by its coverage, and where it is in pixels."""

    left: int
    top: int  # above the baseline
    pixels: "NDArray[uint8]"  # height, width, and red, green, blue, coverage


@lru_cache(maxsize=4096)
def is_in_colour(sequence: str) -> bool:
    """Return whether this machine has `sequence` as one emoji in colour."""
    return _drawn(sequence) is not None


@lru_cache(maxsize=512)
def draw_emoji(sequence: str, size: float) -> Emoji:
    """Return an emoji for a text of `size` pixels. `is_in_colour` must be true for it."""
    from numpy import asarray
    from PIL import Image

    drawn = _drawn(sequence)
    if drawn is None:
        raise ValueError(f"no font has {sequence!r} in colour")
    image, left, top, width = drawn
    scale = size / width
    shape = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    # Each band on its own, because Pillow would multiply the colours by the coverage again.
    bands = [band.resize(shape, Image.Resampling.LANCZOS) for band in image.split()]
    return Emoji(round(left * scale), round(top * scale), asarray(Image.merge("RGBA", bands)))


def _drawn(sequence: str) -> "tuple[Image, float, float, float] | None":
    """Return an emoji as the font has it, with its left edge, its top above the baseline, and its width."""
    found = _font()
    if found is None:
        return None
    font, characters, widest = found
    if not all(character in _JOINERS or ord(character) in characters for character in sequence):
        return None
    width = font.getlength(sequence)
    image, left, top = _draw(font, sequence)
    box = image.getbbox()
    if box is None or not 0 < width <= widest:
        return None
    return image.crop(box), left + box[0], top - box[1], width


def _draw(font: "FreeTypeFont", sequence: str) -> "tuple[Image, float, float]":
    from PIL import Image, ImageDraw

    left, top, right, bottom = font.getbbox(sequence, anchor="ls")
    image = Image.new("RGBA", (max(1, round(right - left)), max(1, round(bottom - top))))
    ImageDraw.Draw(image).text((-left, -top), sequence, font=font, anchor="ls", embedded_color=True)
    return image, left, -top


@cache
def _font() -> "tuple[FreeTypeFont, frozenset[int], float] | None":
    """Return the colour font, its characters, and the greatest width of one emoji; None if there is no such font.

    matplotlib doesn't list fonts of bitmaps, so the files are found by their names.
    """
    from matplotlib.font_manager import findSystemFonts, get_font

    paths = [path for path in findSystemFonts() if any(name in Path(path).name.lower() for name in _NAMES)]
    for path in sorted(paths, key=lambda path: ("color" not in path.lower(), path)):
        try:
            characters = frozenset(get_font(path).get_charmap())
        except (OSError, RuntimeError):  # a broken file
            continue
        font = _open(path)
        if font is not None and ord(_SAMPLE) in characters:
            return font, characters, _WIDEST * font.getlength(_SAMPLE)
    return None


def _open(path: str) -> "FreeTypeFont | None":
    """Return the font in the first of its sizes. None if it is broken, or draws the sample without colour."""
    from PIL import ImageFont

    for size in _SIZES:
        try:
            font = ImageFont.truetype(path, size)
            image, _, _ = _draw(font, _SAMPLE)
        except (OSError, ValueError):  # not a size of this font, or a broken file
            continue
        red, _, blue, _ = image.split()
        if red.tobytes() != blue.tobytes():
            return font
    return None
