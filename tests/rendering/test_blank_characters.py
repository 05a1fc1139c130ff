"""No table cell is blank: characters without a glyph are shown as code points, except inside emoji sequences."""

import sys
import unicodedata

import pytest
import regex
from wcwidth import width

from bot.questions.tokens import NextTokens, Token, TokenProbability
from bot.rendering.escaping import code_point, escape_prose, visible_text, visible_token
from bot.rendering.pictures.fonts import lettering
from bot.rendering.prose import token_in_prose
from bot.rendering.tables import next_tokens_table, option_label

# Characters with Unicode's property, as the installed `regex` knows it, and others that are blank in Unicode's charts.
IGNORABLE = [
    chr(code) for code in range(sys.maxunicode + 1) if regex.match(r"\p{Default_Ignorable_Code_Point}", chr(code))
]
BLANK = ["\u2800", "\U00013441", "\U00013442", "\U00016fe4", "\U0001d159", "\ufffc"]
SPACES = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Zs" and code != 0x20]
OTHERS = ["\x00", "\x7f", "\x9f", "\ue000", "\U0010fffd", "\ufdd0", "\u0378", "\ud800", "\udfff", "\u2028", "\ufff9"]
EMOJI = [
    "❤️", "👁️‍🗨️", "👩‍👩‍👧", "🤷🏽‍♀️", "🏳️‍🌈", "🏴‍☠️", "1️⃣", "#️⃣", "🇫🇮", "☺︎", "❤️‍🔥",
    "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
]  # fmt: skip
UNIT = [*BLANK, "\u3164", "\u115f", "\u1160", "\uffa0", "\u034f", "\u17b4", "\u180b", "\ufe0f", "\u200d", "\u00ad"]


def test_ignorable_characters_are_those_that_unicode_lists() -> None:
    # DerivedCoreProperties.txt of Unicode 17, Default_Ignorable_Code_Point.
    listed = (
        "00AD 034F 061C 115F-1160 17B4-17B5 180B-180F 200B-200F 202A-202E 2060-206F 3164 FE00-FE0F FEFF FFA0 FFF0-FFF8 "
        "1BCA0-1BCA3 1D173-1D17A E0000-E0FFF"
    )
    ends = [[int(end, 16) for end in part.split("-")] for part in listed.split()]
    assert [chr(code) for first, *last in ends for code in range(first, (last or [first])[0] + 1)] == IGNORABLE


def test_each_character_without_a_glyph_is_a_code_point_in_tables() -> None:
    for character in (*IGNORABLE, *BLANK, *SPACES, *OTHERS):
        for text in (character, f"a{character}b", f"{character}{character}"):
            assert visible_token(text) == text.replace(character, code_point(character)), ascii(text)


def test_a_blank_character_is_a_code_point_in_pictures_prose_and_menus() -> None:
    for character in (*UNIT, "\u3000", "\ue000"):
        assert lettering(character).text == code_point(character)
        assert token_in_prose(character) == f"**\\{code_point(character)}**"
        assert option_label(Token(1, character), "5 %") == f"{code_point(character)}  5 %"


def test_invisible_characters_in_prose_are_code_points_and_spaces_stay() -> None:
    for character in (*IGNORABLE, *BLANK, "\ud800", "\x00", "\ufff9"):
        assert visible_text(f"a{character}b") == f"a{code_point(character)}b"
        assert visible_text(character) == code_point(character)
    for space in (*SPACES, "\n", "\t"):
        assert visible_text(f"a{space}b") == f"a{space}b"


def test_emoji_sequences_stay_whole() -> None:
    for emoji in EMOJI:
        for text in (emoji, f"{emoji}{emoji}", f"a{emoji}"):
            assert visible_text(text) == escape_prose(text) == text
            assert visible_token(text) == text


def test_invisible_characters_beside_emoji_are_shown() -> None:
    for text, shown in (
        ("\U0001f469\u200d", "\U0001f469\\u200d"),  # joined with nothing
        ("\u200d\U0001f469", "\\u200d\U0001f469"),
        ("a\ufe0f", "a\\ufe0f"),
        ("1\ufe0f", "1\\ufe0f"),  # no keycap
        ("❤\ufe0f\ufe0f", "❤\ufe0f\\ufe0f"),
        ("\U0001f600\U000e0041\U000e0042", "\U0001f600\\U000e0041\\U000e0042"),  # text smuggled in tags
        ("\U0001f3f4\U000e0041\U000e007f", "\U0001f3f4\\U000e0041\\U000e007f"),
    ):
        assert visible_token(text) == shown
        assert visible_text(text) == shown


@pytest.mark.parametrize("text", ["می‌خواهم", "क्‍ष", "葛\U000e0100", "⠓⠑⠇⠇⠕⠀⠺⠕⠗⠇⠙", "\u1820\u180b"])
def test_scripts_that_need_invisible_characters_stay_unchanged_in_prose(text: str) -> None:
    assert visible_text(text) == text


def test_a_combining_mark_without_a_letter_gets_a_dotted_circle() -> None:
    for mark in ("\u0301", "\u20dd", "\u0e31", "\u0903", "\u0488"):
        assert visible_token(mark) == f"◌{mark}"
        assert visible_token(f" {mark}") == f"·◌{mark}"
        assert visible_token(f"\u200b{mark}") == f"\\u200b◌{mark}"
        assert visible_token(f"e{mark}") == f"e{mark}"
        assert lettering(mark).text in (f"◌{mark}", code_point(mark))


def test_no_cell_of_a_table_is_blank() -> None:
    tokens = [Token(number, text) for number, text in enumerate(UNIT)]
    candidates = tuple(TokenProbability(rank, token, 1.0, 0.05, -3.0) for rank, token in enumerate(tokens, start=1))
    header, *rows = next_tokens_table(NextTokens("x", (1,), candidates)).split("\n")
    column = header.index("token")
    assert [row[column:] for row in rows[:-1]] == [code_point(text) for text in UNIT]
    assert {width(row[:column]) for row in rows} == {column}


def test_emoji_in_pictures_have_no_code_points_if_the_font_has_them(only_base: None) -> None:
    assert lettering("a❤\ufe0fb").text == "a❤\ufe0fb"  # DejaVu has this emoji
    assert lettering("❤\ufe0f\ufe0f").text == "❤\ufe0f\\ufe0f"
    assert lettering("\ue000\u0301").text == "\\ue000◌\u0301"
