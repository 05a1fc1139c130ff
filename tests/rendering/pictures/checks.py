"""What every picture promises, checked where it is drawn."""

import io
import warnings
from collections.abc import Callable
from itertools import combinations
from typing import ParamSpec
from unittest.mock import patch

from PIL import Image

from bot.rendering.pictures.canvas import SMALLEST, WIDTH, Canvas, DrawnText
from bot.rendering.pictures.picture import Picture

P = ParamSpec("P")
BYTES_LIMIT = 200_000
_HINTING = 1.0  # pixel by which a text may be wider than it is said to be


def checked(draw: Callable[P, Picture], *args: P.args, **kwargs: P.kwargs) -> Picture:
    """Return what `draw` draws; assert that it is a small PNG of the right size, with texts that are whole and legible.

    No text is cut by the picture's edge or covers another, none is too small, and no glyph is missing. Where a text
    stands is what matplotlib's renderer measures of its letters; `test_checks.py` holds that against the pixels.
    """
    canvases: list[Canvas] = []
    finish = Canvas.picture

    def watched(canvas: Canvas, alt: str) -> Picture:
        canvases.append(canvas)
        return finish(canvas, alt)

    with patch.object(Canvas, "picture", watched), warnings.catch_warnings():
        warnings.simplefilter("error")  # "Glyph … missing from font(s) …" among them
        picture = draw(*args, **kwargs)
    (canvas,) = canvases
    check_texts(canvas)
    check_file(picture, canvas.height)
    return picture


def check_texts(canvas: Canvas) -> None:
    texts = [written for written in canvas.texts if written.text]
    for one in texts:
        assert one.size >= SMALLEST, one
        assert one.left >= -_HINTING, one
        assert one.top >= -_HINTING, one
        assert one.right <= WIDTH + _HINTING, one
        assert one.bottom <= canvas.height + _HINTING, one
    for one, other in combinations(texts, 2):
        assert not _overlap(one, other), f"{one} and {other}"


def check_file(picture: Picture, height: int) -> None:
    assert len(picture.png) < BYTES_LIMIT
    with Image.open(io.BytesIO(picture.png)) as image:
        assert (image.format, image.size) == ("PNG", (WIDTH, height))
        image.verify()
    assert 0 < len(picture.alt) <= 1024


def image_of(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.png)).convert("RGB")


def count_of(colour: str, image: Image.Image) -> int:
    """Return how many pixels have a colour, within what the palette of a PNG rounds."""
    wanted = tuple(bytes.fromhex(colour[1:]))
    colours: list[tuple[int, tuple[int, int, int]]] = image.getcolors(2**24)  # type: ignore[assignment]  # RGB
    return sum(
        count
        for count, found in colours
        if all(abs(ours - theirs) <= 3 for ours, theirs in zip(found, wanted, strict=True))
    )


def _overlap(one: DrawnText, other: DrawnText) -> bool:
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    return across > _HINTING and down > _HINTING
