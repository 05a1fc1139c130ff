"""Boxes are in the order that matplotlib's own layout (SheenBidi) gives characters of the same directions."""

from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.textpath import TextToPath

from bot.rendering.escaping import ISOLATE, POP_ISOLATE
from bot.rendering.pictures.direction import bidi_class, is_right_to_left, levels_of, visual_order
from bot.rendering.pictures.flow import quoted_token
from bot.rendering.pictures.fonts import BASE, lettering

# Characters of each class that have a glyph of their own wherever they are.
CHARACTERS = {
    "L": "abcdefgh", "R": "אבגדהוזח", "AL": "ءٴ", "EN": "01234567", "AN": "٠١٢٣", "ES": "+-", "ET": "%$#", "CS": ",./:",
    "ON": "!?*&;@",
}  # fmt: skip
FONT = get_font([findfont(FontProperties(family=[BASE]))])


def laid_out(text: str) -> str:
    """Return the characters of a text from left to right, as matplotlib lays them out, without spaces and isolates."""
    layout = TextToPath().get_glyphs_with_font
    FONT.set_size(20, 72)
    names = {layout(FONT, character)[0][0][0]: character for character in text}
    glyphs = sorted(layout(FONT, text)[0], key=lambda glyph: glyph[1])
    blank = layout(FONT, " ")[0][0][0]
    return "".join(names[name] for name, *_ in glyphs if name != blank)


@given(st.text("".join(CHARACTERS.values()), min_size=1, max_size=14).map(lambda text: "".join(dict.fromkeys(text))))
@example("א12.3%ב")
@example("ء12,3+4ב")
@example("abאב!ג1,2c")
@example("1+2אa%3")
@settings(max_examples=300, deadline=None)
def test_the_order_is_that_of_unicode_s_algorithm(text: str) -> None:
    classes = [bidi_class(character) for character in text]
    assert classes == [next(name for name, of_it in CHARACTERS.items() if character in of_it) for character in text]
    levels = levels_of(classes, right_to_left=is_right_to_left(text))
    assert "".join(text[index] for index in visual_order(levels)) == laid_out(text)


def test_a_box_has_the_direction_of_its_first_letter() -> None:
    texts = ["·שלום", "12a", "·12", "12א", "%", "·%", "\\xd7", "\\u05d0", "·", "", "🤷", "中", "ا٣"]
    assert [bidi_class(text) for text in texts] == [
        "R",
        "L",
        "EN",
        "R",
        "ET",
        "ON",
        "ON",
        "ON",
        "ON",
        "ON",
        "ON",
        "L",
        "AL",
    ]


def test_a_token_does_not_move_the_figures_beside_it() -> None:
    title = f"{quoted_token('אבג')} 50%, {quoted_token('דהו')} 42%"
    assert laid_out(lettering(title).text) == "“גבא”50%,“והד”42%"
    assert laid_out(lettering(title.replace(ISOLATE, "").replace(POP_ISOLATE, "")).text) != "“גבא”50%,“והד”42%"


def test_a_code_point_stays_together_in_a_text_from_right_to_left() -> None:
    assert laid_out(lettering("א\u202eב\ud800").text) == "\\ud800ב\\u202eא"
