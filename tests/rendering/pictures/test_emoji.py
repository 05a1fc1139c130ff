"""Emoji are in colour where the machine has a colour font, in their place in the text, and as one picture each."""

from pathlib import Path

import pytest
from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from numpy import asarray
from PIL import features

from bot.rendering.pictures.canvas import MARGIN, SMALLEST, TITLE, WIDTH, Canvas
from bot.rendering.pictures.emoji import is_in_colour
from bot.rendering.pictures.fonts import EMOJI_SPACE, lettering
from bot.rendering.pictures.picture import Picture
from tests.rendering.machine_fonts import forget_fonts
from tests.rendering.pictures.checks import count_of, draw_checked, image_of

FACE, MAN, GIRL, HEART = "😀", "👨", "👧", "❤"
FAMILY, FLAG = f"{MAN}\u200d{GIRL}", "🇩🇪"
YELLOW, GREEN, PURPLE, BLUE, RED = COLOURS = ("#f0c000", "#00a000", "#8000c0", "#0000f0", "#e00000")
GLYPHS = {"face": YELLOW, "man": GREEN, "girl": PURPLE, "family": BLUE, "flag": RED, "heart": RED}
CHARACTERS = {
    0x1F600: "face", 0x1F468: "man", 0x1F467: "girl", 0x2764: "heart", 0x200D: "joiner", 0xFE0F: "joiner",
    0x1F1E9: "d", 0x1F1EA: "e",
}  # fmt: skip
SEQUENCES = "feature ccmp { sub man joiner girl by family; sub d e by flag; sub heart joiner by heart; } ccmp;"
needs_raqm = pytest.mark.skipif(not features.check("raqm"), reason="Pillow needs FriBidi for sequences")


def save_font(path: Path, *, has_colours: bool = True) -> str:
    """Save a font of squares, each in its colour."""
    names = [".notdef", "square", "joiner", "d", "e", *GLYPHS]
    pen = TTGlyphPen(None)
    for move, point in ((pen.moveTo, (0, 0)), (pen.lineTo, (0, 700)), (pen.lineTo, (900, 700)), (pen.lineTo, (900, 0))):
        move(point)
    pen.closePath()
    square, empty = pen.glyph(), TTGlyphPen(None).glyph()
    font = FontBuilder(1000)
    font.setupGlyphOrder(names)
    font.setupCharacterMap(CHARACTERS)
    font.setupGlyf({name: empty if name in (".notdef", "joiner") else square for name in names})
    font.setupHorizontalMetrics({name: (0 if name == "joiner" else 1000, 0) for name in names})
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "Test Emoji", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    if has_colours:
        font.setupCOLR({name: [("square", COLOURS.index(colour))] for name, colour in GLYPHS.items()})
        font.setupCPAL([[(*(channel / 255 for channel in bytes.fromhex(colour[1:])), 1) for colour in COLOURS]])
    addOpenTypeFeaturesFromString(font.font, SEQUENCES)
    font.save(path)
    return str(path)


@pytest.fixture
def colour_font(only_base: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [save_font(tmp_path / "TestColorEmoji.ttf")]
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: paths)
    forget_fonts()


def drawn(text: str, size: float = TITLE) -> Picture:
    canvas = Canvas(120)
    canvas.text(MARGIN, 70, text, size=size, room=WIDTH - 2 * MARGIN)
    return canvas.picture("a text")


def middle_of(colour: str, picture: Picture) -> float:
    """Return the x coordinate of the middle of a colour."""
    distances = abs(asarray(image_of(picture)).astype(int) - list(bytes.fromhex(colour[1:])))
    return float((distances.max(axis=2) <= 3).nonzero()[1].mean())


@pytest.mark.parametrize(("emoji", "colour"), [(FACE, YELLOW), (MAN, GREEN)])
@pytest.mark.parametrize("size", [SMALLEST, TITLE])
def test_an_emoji_has_its_colours(colour_font: None, emoji: str, colour: str, size: float) -> None:
    area = count_of(colour, image_of(draw_checked(drawn, f"a {emoji} b", size)))
    assert 0.8 <= area / (0.9 * size * 0.7 * size) <= 1.1


@needs_raqm
@pytest.mark.parametrize(("sequence", "colour"), [(FAMILY, BLUE), (FLAG, RED), (f"{HEART}\ufe0f", RED)])
def test_a_sequence_is_one_emoji(colour_font: None, sequence: str, colour: str) -> None:
    canvas = Canvas(9)
    assert canvas.width_of(sequence) == canvas.width_of(FACE)
    assert count_of(colour, image_of(draw_checked(drawn, sequence))) > 500
    assert lettering(f"{sequence}!").shown == f"{sequence}!"


def test_a_sequence_that_the_font_lacks_is_drawn_as_its_parts(colour_font: None) -> None:
    assert lettering(f"{GIRL}\u200d{MAN}").emoji == (GIRL, MAN)


def test_a_symbol_is_a_letter_unless_it_asks_for_colour(colour_font: None) -> None:
    assert lettering(f"{HEART}{HEART}\ufe0e").emoji == ()
    assert lettering(f"{FACE}\ufe0e").emoji == ()


@pytest.mark.parametrize(("text", "is_in_order"), [("{0} and {1}", True), ("שלום {0} עולם {1} אב", False)])
def test_emoji_follow_the_direction_of_the_text(colour_font: None, text: str, is_in_order: bool) -> None:
    picture = draw_checked(drawn, text.format(FACE, MAN))
    assert (middle_of(YELLOW, picture) < middle_of(GREEN, picture)) == is_in_order


@pytest.mark.parametrize("left", [-20, WIDTH - 20])
def test_an_emoji_is_clipped_at_the_picture_s_edges(colour_font: None, left: float) -> None:
    canvas = Canvas(60)
    for y in (5, 30, 70):
        canvas.text(left, y, FACE, size=TITLE)
    assert count_of(YELLOW, image_of(canvas.picture("three halves"))) > 300


def test_a_space_of_a_text_is_not_taken_for_an_emoji(colour_font: None) -> None:
    assert lettering(f"{EMOJI_SPACE}{FACE}").shown == f"\\u2003{FACE}"


def test_a_machine_without_a_colour_font_draws_letters(
    only_base: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken-emoji.ttf"
    broken.write_bytes(b"no font")
    paths = [str(broken), str(tmp_path / "missing-emoji.ttf"), save_font(tmp_path / "emoji.ttf", has_colours=False)]
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: paths)
    forget_fonts()
    assert not is_in_colour(FACE)
    assert lettering(FACE).text == FACE  # DejaVu has it
    draw_checked(drawn, f"{FACE} {FAMILY} {FLAG}")
