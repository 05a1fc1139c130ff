"""Checks for the promises that every picture makes."""

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
_HINTING = 1.0  # pixels by which a text can be wider than measured


def draw_checked(draw: Callable[P, Picture], *args: P.args, **kwargs: P.kwargs) -> Picture:
    """Return the picture that `draw` draws. Assert that it is a small PNG of the right size with legible, uncut texts.

    No text is cut by the picture's edge, covers another or is too small, and no glyph is missing. Texts are measured by
    matplotlib's renderer; `test_checks.py` compares that with the pixels.
    """
    canvases: list[Canvas] = []
    finish = Canvas.picture

    def record(canvas: Canvas, alt: str) -> Picture:
        canvases.append(canvas)
        return finish(canvas, alt)

    with patch.object(Canvas, "picture", record), warnings.catch_warnings():
        warnings.simplefilter("error")  # such as "Glyph … missing from font(s) …"
        picture = draw(*args, **kwargs)
    (canvas,) = canvases
    check_texts(canvas)
    check_file(picture, canvas.height)
    return picture


def check_texts(canvas: Canvas) -> None:
    texts = [written for written in canvas.texts if written.text]
    for text in texts:
        assert text.size >= SMALLEST, text
        assert text.left >= -_HINTING, text
        assert text.top >= -_HINTING, text
        assert text.right <= WIDTH + _HINTING, text
        assert text.bottom <= canvas.height + _HINTING, text
    for first, second in combinations(texts, 2):
        assert not _overlap(first, second), f"{first} and {second}"


def check_file(picture: Picture, height: int) -> None:
    assert len(picture.png) < BYTES_LIMIT
    with Image.open(io.BytesIO(picture.png)) as image:
        assert (image.format, image.size) == ("PNG", (WIDTH, height))
        image.verify()
    assert 0 < len(picture.alt) <= 1024
    assert picture.alt.encode(), "an alt text is sent as UTF-8, so it can't have surrogates"


def image_of(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.png)).convert("RGB")


def count_of(colour: str, image: Image.Image) -> int:
    """Return how many pixels have a colour, within the rounding of a PNG's palette."""
    wanted = tuple(bytes.fromhex(colour[1:]))
    colours: list[tuple[int, tuple[int, int, int]]] = image.getcolors(2**24)  # type: ignore[assignment]  # RGB
    return sum(
        count
        for count, rgb in colours
        if all(abs(ours - theirs) <= 3 for ours, theirs in zip(rgb, wanted, strict=True))
    )


def _overlap(first: DrawnText, second: DrawnText) -> bool:
    across = min(first.right, second.right) - max(first.left, second.left)
    down = min(first.bottom, second.bottom) - max(first.top, second.top)
    return across > _HINTING and down > _HINTING
