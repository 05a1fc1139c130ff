"""Fonts for text in any script. Characters without a glyph on this machine are shown as code points."""

import logging
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from bot.rendering.escaping import ISOLATE, POP_ISOLATE, code_point, visible_characters

BASE = "DejaVu Sans"  # part of matplotlib, so every machine has it
_PREFERRED = ("Noto Sans CJK SC", "Noto Sans", "Noto Emoji")
# Fonts that draw boxes or nothing, or that map letters to other characters.
_UNFIT = ("Last Resort", "Adobe Blank", "cm", "STIXSize", "STIXNonUnicode")
_REGULAR = 400
_MODIFIERS = ("Mn", "Mc", "Me", "Cf")  # categories of marks and joiners, which change the character before them
_MOST_MARKS = 3  # on one letter, as in Hebrew; more would overlap other texts


@dataclass(frozen=True, slots=True)
class Lettering:
    """A text to draw. Each character has a glyph in one of `families`."""

    text: str
    families: tuple[str, ...]


def lettering(text: str, weight: int = _REGULAR) -> Lettering:
    r"""Return one line of text that can be drawn. A character that is invisible or has no glyph becomes ``\u4e2d``.

    Arabic and Hebrew are shaped and run from right to left, by libraqm in matplotlib. Emoji fonts in colour can't be
    drawn. DejaVu has some emoji, and an outline font like Noto Emoji has more.
    """
    if text.startswith(ISOLATE) and text.endswith(POP_ISOLATE):
        text = text[1:-1]  # isolates are for the cells of tables
    families = {BASE: None}  # a set in order
    shown: list[str] = []
    marks, is_drawn = 0, True
    for character, visible in zip(text, visible_characters(text), strict=True):
        marks = marks + 1 if unicodedata.combining(character) else 0
        # A mark is shown as a code point if the character before it is not drawn.
        is_modifier = visible == character and unicodedata.category(character) in _MODIFIERS
        glyphs = character if character == " " else visible
        families_of = [_family(letter, weight) for letter in glyphs]
        needed = [family for family in families_of if family is not None]
        is_drawn = len(needed) == len(families_of) and marks <= _MOST_MARKS and (is_drawn or not is_modifier)
        shown.append(glyphs if is_drawn else code_point(character))
        if is_drawn:
            families.update(dict.fromkeys(needed))
    return Lettering("".join(shown), tuple(families))


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
