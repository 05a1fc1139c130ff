"""Text of any script on a picture: with the fonts of this machine, and visibly where they lack a character."""

import logging
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from bot.rendering.escaping import ISOLATE, POP_ISOLATE, code_point, visible_characters

BASE = "DejaVu Sans"  # comes with matplotlib, so that every machine has it
_PREFERRED = ("Noto Sans CJK SC", "Noto Sans", "Noto Emoji")
# Boxes and nothing; letters at the places of other characters.
_UNFIT = ("Last Resort", "Adobe Blank", "cm", "STIXSize", "STIXNonUnicode")
_REGULAR = 400
_CHANGING = ("Mn", "Mc", "Me", "Cf")
_MOST_MARKS = 3  # on one letter, as Hebrew has them; a tower of more would climb over other texts


@dataclass(frozen=True, slots=True)
class Lettering:
    """A text whose every character one of `families` has."""

    text: str
    families: tuple[str, ...]


def lettering(text: str, weight: int = _REGULAR) -> Lettering:
    r"""Return one line of text as it can be drawn; a character that hides or has no glyph is shown as ``\u4e2d``.

    Arabic and Hebrew are shaped and run from right to left, as libraqm in matplotlib does it. Emoji fonts in colour
    cannot be drawn; DejaVu has the plain faces, and an outline font like Noto Emoji more.
    """
    if text.startswith(ISOLATE) and text.endswith(POP_ISOLATE):
        text = text[1:-1]  # from a table, whose cells they keep apart
    families = {BASE: None}  # a set in order
    shown: list[str] = []
    marks, is_drawn = 0, True
    for character, visible in zip(text, visible_characters(text), strict=True):
        marks = marks + 1 if unicodedata.combining(character) else 0
        # What changes the character before it is seen where that one is not drawn.
        changes = visible == character and unicodedata.category(character) in _CHANGING
        drawn = character if character == " " else visible
        found = [_family(one, weight) for one in drawn]
        needed = [family for family in found if family is not None]
        is_drawn = len(needed) == len(found) and marks <= _MOST_MARKS and (is_drawn or not changes)
        shown.append(drawn if is_drawn else code_point(character))
        if is_drawn:
            families.update(dict.fromkeys(needed))
    return Lettering("".join(shown), tuple(families))


def _family(character: str, weight: int) -> str | None:
    """Return the first family that has a character, or None."""
    if ord(character) in _base_characters(weight):
        return BASE
    return _other_families(weight).get(ord(character))


@cache
def _base_characters(weight: int) -> frozenset[int]:
    return frozenset(_characters(BASE, weight))


@cache
def _other_families(weight: int) -> dict[int, str]:
    """Return which family draws what the base lacks. Reads every font of the machine, once."""
    found: dict[int, str] = {}
    for family in sorted(_usable_families(), key=_preference):
        for character in _characters(family, weight):
            found.setdefault(character, family)
    return found


def _usable_families() -> set[str]:
    from matplotlib.font_manager import fontManager

    # It would warn of each family without a bold face that it takes the face that there is.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    names = {font.name for font in fontManager.ttflist}
    return {name for name in names if name != BASE and not name.startswith(_UNFIT)}


def _preference(family: str) -> tuple[int, bool, str]:
    places = (place for place, name in enumerate(_PREFERRED) if family.startswith(name))
    return next(places, len(_PREFERRED)), "Sans" not in family, family


def _characters(family: str, weight: int) -> Iterable[int]:
    """Return the characters of the face that is drawn with; none where it has colours or is made of pixels."""
    from matplotlib.font_manager import FontProperties, fontManager, get_font
    from matplotlib.ft2font import FaceFlags

    try:
        face = get_font(fontManager.findfont(FontProperties(family=[family], weight=weight), fallback_to_default=False))
    except (OSError, RuntimeError, ValueError):  # a file that is gone or broken
        return ()
    if FaceFlags.COLOR in face.face_flags or FaceFlags.SCALABLE not in face.face_flags:
        return ()
    return face.get_charmap()
