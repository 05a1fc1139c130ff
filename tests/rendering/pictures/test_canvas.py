"""Texts in any script fit, uncut and with all glyphs; a character without a glyph is shown as its code point."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.font_manager import fontManager

from bot.rendering.escaping import ISOLATE, POP_ISOLATE
from bot.rendering.pictures import fonts
from bot.rendering.pictures.canvas import BOLD, MARGIN, REGULAR, SMALLEST, TITLE, WIDTH, Canvas
from bot.rendering.pictures.fonts import BASE, lettering
from bot.rendering.pictures.palette import POSITIVE, TEXT, sequential
from bot.rendering.pictures.picture import Picture
from tests.rendering.machine_fonts import forget_fonts
from tests.rendering.pictures.checks import count_of, draw_checked, image_of

SCRIPTS = st.sampled_from(
    ["你好", "한국어", "ｶﾅ", "مرحبا", "שלום", "हिन्दी", "ไทย", "🤷🏽‍♀️", "😀", "❤️", "e\u0301", "\u0301" * 30,
     "$x^2$", "$", "\\xf0", "\\frac", "\u202e", "\u200d", "\x00", "\ud800", "\ue000", "\t", "\n", "·", "↵", "ﷺ",
     "\u2028", "\U0010ffff", " " * 9]
)  # fmt: skip
texts = st.lists(SCRIPTS | st.text(st.characters(), max_size=20), max_size=20).map("".join)


@pytest.fixture
def han_family(tmp_path: Path) -> Iterator[str]:
    """The only installed font beside the base font. It has one character that the base font doesn't have."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((0, 800))
    pen.lineTo((800, 800))
    pen.closePath()
    font = FontBuilder(1000)
    font.setupGlyphOrder([".notdef", "han"])
    font.setupCharacterMap({0x4E2D: "han"})
    font.setupGlyf({".notdef": pen.glyph(), "han": pen.glyph()})
    font.setupHorizontalMetrics({".notdef": (1000, 0), "han": (1000, 0)})
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "Test Han", "styleName": "Regular"})
    font.setupOS2(usWeightClass=400)
    font.setupPost()
    font.save(tmp_path / "han.ttf")
    before = list(fontManager.ttflist)
    fontManager.ttflist[:] = [font for font in before if font.name == BASE]
    fontManager.addfont(tmp_path / "han.ttf")
    forget_fonts()
    yield "Test Han"
    fontManager.ttflist[:] = before
    forget_fonts()


def draw_text(text: str, weight: int = REGULAR) -> Picture:
    canvas = Canvas(120)
    canvas.text(MARGIN, 70, text, size=TITLE, weight=weight, room=WIDTH - 2 * MARGIN)
    return canvas.picture("a text")


@given(texts, st.sampled_from([REGULAR, BOLD]))
@settings(max_examples=150, deadline=None)
def test_any_text_is_whole_and_has_its_glyphs(text: str, weight: int) -> None:
    draw_checked(draw_text, text, weight)


@given(texts)
@settings(max_examples=100, deadline=None)
def test_no_character_is_lost(text: str) -> None:
    # Each character is shown, or its code point is. Isolates are the renderers' own: texts have theirs as code points.
    shown = lettering(text).shown
    for character in set(text) - set(f" \n\r\t{ISOLATE}{POP_ISOLATE}"):
        code = ord(character)
        assert character in shown or (f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}") in shown


def test_a_character_without_a_glyph_is_shown_as_its_code_point(only_base: None) -> None:
    assert lettering("中 a").text == "\\u4e2d a"
    assert lettering("🤷").text == "\\U0001f937"
    assert lettering("👨‍👩‍👧").text == "\\U0001f468\\u200d\\U0001f469\\u200d\\U0001f467"
    draw_checked(draw_text, "中文字符", BOLD)


def test_a_system_font_is_used_for_a_character_that_it_has(han_family: str) -> None:
    assert lettering("中 a") == fonts.Lettering("中 a", (BASE, han_family))
    assert lettering("中", BOLD).families == (BASE, han_family)  # the test font has no bold face
    draw_checked(draw_text, "中 a")


def test_the_bundled_fonts_have_arabic_and_hebrew(only_base: None) -> None:
    for text in ("مرحبا", "שלום"):
        assert lettering(text).text == text


def test_a_combining_mark_without_a_letter_gets_a_dotted_circle() -> None:
    assert lettering("\u0301").text == "◌\u0301"


def test_dollar_signs_do_not_start_a_formula() -> None:
    assert draw_checked(draw_text, "$x^2$").png != draw_checked(draw_text, "x2").png


def test_a_long_text_is_made_smaller_and_then_cut() -> None:
    canvas = Canvas(200)
    whole = canvas.text(0, 50, "twelve chars", size=TITLE)
    smaller = canvas.text(0, 100, "twelve chars", size=TITLE, room=200)
    cut = canvas.text(0, 150, "twelve chars" * 30, size=TITLE, room=200)
    assert whole.right > 200
    for box in (smaller, cut):
        assert 160 < box.right - box.left <= 200
    assert canvas.width_of("twelve chars", size=SMALLEST) < smaller.right


def test_a_text_is_cut_between_letters_and_not_before_their_marks(only_base: None) -> None:
    canvas = Canvas(200)
    letter = "Z\u0301\u0302"
    for room in range(40, 200, 7):
        cut = canvas.text(0, 50, letter * 30, size=SMALLEST, room=room).text
        assert cut == letter * cut.count("Z") + "…"
        # An emoji that no font has is shown as code points, which are not cut.
        cut = canvas.text(0, 50, "👨‍👩‍👧" * 9, size=SMALLEST, room=3 * room).text
        assert re.fullmatch(r"((\\U0001f46[789]|\\u200d))*…", cut)
        assert len(cut) > 1 or 3 * room < 160


def test_areas_keep_their_colours_when_there_are_many() -> None:
    """300 tokens on a colour scale, as in an X-ray."""

    def tokens() -> Picture:
        canvas = Canvas(1400)
        for position in range(300):
            canvas.rectangle(position % 10 * 80, position // 10 * 46, 78, 44, sequential(position / 300))
        canvas.rectangle(0, 1380, 800, 20, POSITIVE)
        return canvas.picture("300 tokens")

    assert count_of(POSITIVE, image_of(draw_checked(tokens))) >= 800 * 20


def test_a_picture_ends_at_the_given_height() -> None:
    def short() -> Picture:
        canvas = Canvas(2000)
        canvas.rectangle(0, 0, WIDTH, 300, POSITIVE)
        canvas.text(MARGIN, 100, "a text")
        canvas.end_at(200)
        return canvas.picture("a text")

    assert count_of(POSITIVE, image_of(draw_checked(short))) > 0.9 * WIDTH * 200


def test_a_repeated_text_has_its_own_colour_and_weight() -> None:
    canvas = Canvas(300)
    for position, (colour, weight) in enumerate([(TEXT, REGULAR), (POSITIVE, REGULAR), (POSITIVE, BOLD)]):
        canvas.text(MARGIN, 90 + 90 * position, "token", size=TITLE, colour=colour, weight=weight)
    image = image_of(canvas.picture("a text"))
    first, second, third = (image.crop((0, top, WIDTH, top + 90)) for top in (20, 110, 200))
    assert count_of(TEXT, first) == count_of(POSITIVE, second) > 100
    assert count_of(POSITIVE, third) > 1.3 * count_of(POSITIVE, second)


@pytest.mark.parametrize("part", [0, 0.5])
def test_a_rectangle_is_clipped_at_the_picture_s_edges(part: float) -> None:
    canvas = Canvas(100)
    for x, y in ((-50, -50), (WIDTH - 50, 50), (-200, 10), (WIDTH + 9, 10), (10, -200), (10, 200)):
        canvas.rectangle(x + part, y + part, 100, 100, POSITIVE)
    assert abs(count_of(POSITIVE, image_of(canvas.picture("two corners"))) - 2 * 50 * 50) <= 200 * part
