"""Fonts for text in any script. Characters without a glyph on this machine are shown as code points."""

import logging
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import regex

from bot.rendering.escaping import (
    EMOJI,
    ISOLATE,
    POP_ISOLATE,
    code_point,
    has_right_to_left,
    visible_characters,
)
from bot.rendering.pictures.emoji import is_in_colour

BASE = "DejaVu Sans"  # part of matplotlib, so every machine has it
EMOJI_SPACE = "\u2003"  # an em space, where an emoji in colour goes; those of a text are shown as code points
_PREFERRED = ("Noto Sans CJK SC", "Noto Sans", "Noto Emoji")
# Fonts that draw boxes or nothing, or that map letters to other characters.
_UNFIT = ("Last Resort", "Adobe Blank", "cm", "STIXSize", "STIXNonUnicode")
_REGULAR = 400
_MODIFIERS = ("Mn", "Mc", "Cf")  # categories of marks and joiners, which change the character before them
_ENCLOSING = "Me"  # category of marks around a letter, which cover the characters beside it
_MOST_MARKS = 3  # on one letter, as in Hebrew; more would overlap other texts
_CODE_POINT = re.compile(r"\\u[0-9a-f]{4}|\\U[0-9a-f]{8}")
_LEFT_TO_RIGHT_ISOLATE = "\u2066"
_TEXT_STYLE = "\ufe0e"
_ONE_EMOJI = regex.compile(r"\p{Extended_Pictographic}\ufe0f?\p{Emoji_Modifier}?")
_EMOJI_STYLE = regex.compile(r"\p{Emoji_Presentation}")


@dataclass(frozen=True, slots=True)
class Lettering:
    """A text to draw. Each character has a glyph in one of `families`, and each `EMOJI_SPACE` one of `emoji`."""

    text: str
    families: tuple[str, ...]
    emoji: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The text with its emoji."""
        emoji = iter(self.emoji)
        return "".join(next(emoji) if character == EMOJI_SPACE else character for character in self.text)


def lettering(text: str, weight: int = _REGULAR) -> Lettering:
    r"""Return one line of text that can be drawn. A character that is invisible or has no glyph becomes ``\u4e2d``.

    Arabic and Hebrew are shaped and run from right to left, by libraqm in matplotlib. Isolates are kept: texts of users
    have theirs as code points. Emoji are in colour if a font has them. Otherwise DejaVu has some, and an outline font
    like Noto Emoji has more.
    """
    families = {BASE: None}  # a set in order
    shown: list[str] = []
    emoji: list[str] = []
    in_colour = _emoji_in_colour(text, weight)
    marks, is_drawn, end = 0, True, 0
    for position, (character, visible) in enumerate(zip(text, visible_characters(text), strict=True)):
        if position < end:
            continue  # the rest of an emoji
        if sequence := in_colour.get(position):
            shown.append(EMOJI_SPACE)
            emoji.append(sequence)
            marks, is_drawn, end = 0, True, position + len(sequence)
            continue
        if character in (ISOLATE, POP_ISOLATE):
            shown.append(character)
            continue
        marks = marks + 1 if unicodedata.combining(character) else 0
        # A mark is shown as a code point if the character before it is not drawn.
        is_modifier = visible == character and unicodedata.category(character) in _MODIFIERS
        glyphs = character if character == " " else visible
        families_of = [_family(letter, weight) for letter in glyphs]
        needed = [family for family in families_of if family is not None]
        is_legible = marks <= _MOST_MARKS and unicodedata.category(character) != _ENCLOSING
        is_drawn = len(needed) == len(families_of) and is_legible and (is_drawn or not is_modifier)
        shown.append(glyphs if is_drawn else code_point(character))
        if is_drawn:
            families.update(dict.fromkeys(needed))
    return Lettering(_isolate_code_points("".join(shown)), tuple(families), tuple(emoji))


def _emoji_in_colour(text: str, weight: int) -> Mapping[int, str]:
    """Return the emoji to draw in colour, by their positions."""
    if text.isascii():
        return {}
    found: dict[int, str] = {}
    for match in EMOJI.finditer(text):
        if _TEXT_STYLE in match.group():
            continue
        if _is_in_colour(match.group(), weight):
            found[match.start()] = match.group()
        else:  # a sequence that the font doesn't have is drawn as its parts
            for part in _ONE_EMOJI.finditer(text, match.start(), match.end()):
                if _is_in_colour(part.group(), weight):
                    found[part.start()] = part.group()
    return found


def _is_in_colour(sequence: str, weight: int) -> bool:
    """Return whether to draw a sequence in colour: not if it is text by default, such as ©, and a font has it."""
    is_text = len(sequence) == 1 and not _EMOJI_STYLE.match(sequence) and _family(sequence, weight) is not None
    return not is_text and is_in_colour(sequence)


def _isolate_code_points(text: str) -> str:
    r"""Keep the characters of ``\u0627`` together in a text that runs from right to left."""
    if not has_right_to_left(text):
        return text
    return _CODE_POINT.sub(rf"{_LEFT_TO_RIGHT_ISOLATE}\g<0>{POP_ISOLATE}", text)


def _family(character: str, weight: int) -> str | None:
    """Return the first family with a glyph for `character`, or None."""
    if ord(character) in _base_characters(weight):
        return BASE
    return _other_families(weight).get(ord(character))


@cache
def _base_characters(weight: int) -> frozenset[int]:
    return frozenset(_characters(BASE, weight))


@cache
def _other_families(weight: int) -> dict[int, str]:
    """Return the family for each character that the base font doesn't have. Reads every installed font, once."""
    families: dict[int, str] = {}
    for family in sorted(_usable_families(), key=_preference):
        for character in _characters(family, weight):
            families.setdefault(character, family)
    return families


def _usable_families() -> set[str]:
    from matplotlib.font_manager import fontManager

    # Otherwise matplotlib warns about each family without a bold face.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    names = {font.name for font in fontManager.ttflist}
    return {name for name in names if name != BASE and not name.startswith(_UNFIT)}


def _preference(family: str) -> tuple[int, bool, str]:
    indices = (index for index, name in enumerate(_PREFERRED) if family.startswith(name))
    return next(indices, len(_PREFERRED)), "Sans" not in family, family


def _characters(family: str, weight: int) -> Iterable[int]:
    """Return the characters of the family's face, or () for a colour or bitmap font, which can't be drawn."""
    from matplotlib.font_manager import FontProperties, fontManager, get_font
    from matplotlib.ft2font import FaceFlags

    try:
        face = get_font(fontManager.findfont(FontProperties(family=[family], weight=weight), fallback_to_default=False))
    except (OSError, RuntimeError, ValueError):  # a missing or broken file
        return ()
    if FaceFlags.COLOR in face.face_flags or FaceFlags.SCALABLE not in face.face_flags:
        return ()
    return face.get_charmap()
