"""The checks of pictures fail on the problems they are for."""

import pytest
from PIL import Image, ImageChops

from bot.rendering.pictures import canvas as canvas_module
from bot.rendering.pictures.canvas import BOLD, REGULAR, SMALLEST, WIDTH, Align, Canvas
from bot.rendering.pictures.fonts import BASE, Lettering
from bot.rendering.pictures.palette import BACKGROUND
from bot.rendering.pictures.picture import Picture
from tests.rendering.pictures.checks import draw_checked, image_of

_ROUNDING = 3  # of a PNG's palette


def at(x: float, y: float, text: str = "some text", size: float = SMALLEST) -> Picture:
    canvas = Canvas(200)
    canvas.text(100, 100, "another text")
    canvas.text(x, y, text, size=size)
    return canvas.picture("a text")


def test_a_whole_text_passes_the_check() -> None:
    draw_checked(at, 100, 150)


@pytest.mark.parametrize(("x", "y"), [(-9, 150), (750, 150), (100, 10), (100, 203), (110, 110)])
def test_a_text_that_is_cut_or_covered_fails_the_check(x: float, y: float) -> None:
    with pytest.raises(AssertionError, match="text"):
        draw_checked(at, x, y)


def test_a_text_that_is_too_small_fails_the_check() -> None:
    with pytest.raises(AssertionError):
        draw_checked(at, 100, 150, size=SMALLEST - 1)


def test_a_missing_glyph_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canvas_module, "lettering", lambda text, weight: Lettering(text, (BASE,)))
    with pytest.raises(UserWarning, match="Glyph 20013"):
        draw_checked(at, 100, 150, "中")


@pytest.mark.parametrize("text", ["plain", "jÅgq", "中文", "مرحبا", "Z\u0301\u0302\u0303", "—", "😀", " spaced "])
@pytest.mark.parametrize("align", ["left", "center", "right"])
@pytest.mark.parametrize("weight", [REGULAR, BOLD])
def test_a_text_s_measured_box_matches_its_pixels(text: str, align: Align, weight: int) -> None:
    canvas = Canvas(200)
    written = canvas.text(400, 100, text, size=40, align=align, weight=weight)
    difference = ImageChops.difference(image_of(canvas.picture("a text")), Image.new("RGB", (WIDTH, 200), BACKGROUND))
    box = difference.point(lambda value: value > _ROUNDING).getbbox()
    assert box is not None
    left, top, right, bottom = box
    assert written.left - 2 <= left
    assert right <= written.right + 2
    assert abs(written.top - top) <= 2
    assert abs(written.bottom - bottom) <= 2
