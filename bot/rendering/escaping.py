"""Escape text: show invisible characters in tables, and disable everything that Discord would interpret in prose."""

import re
import unicodedata

import regex  # supports more Unicode properties than `re`, and newer ones than Python

_NAMED = {" ": "·", "\n": "↵", "\r": "␍", "\t": "⇥"}
_RIGHT_TO_LEFT = {"R", "AL", "AN"}
ISOLATE, POP_ISOLATE = "\u2068", "\u2069"
_ZERO_WIDTH_SPACE = "\u200b"

# Characters without a visible glyph that no Unicode property identifies: an empty braille pattern, two hieroglyph
# blanks, a filler, a note without a head, and the object replacement character.
_BLANK = r"\u2800\U00013441\U00013442\U00016fe4\U0001d159\ufffc"
# An emoji sequence of UTS #51: joiners, selectors and tags combine into one picture. Of the flags with tags, only the
# three in use are kept, because other tags could hide any text.
_EMOJI = r"(?!\p{Cn})\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|[\ufe0e\ufe0f])?"
_TAGS = [[chr(0xE0000 + ord(letter)) for letter in f"{region}\x7f"] for region in ("gbeng", "gbsct", "gbwls")]
_FLAGS = "|".join("\U0001f3f4" + "".join(tags) for tags in _TAGS)
_SEQUENCE = rf"{_FLAGS}|{_EMOJI}(?:\u200d{_EMOJI})*|[0-9#*]\ufe0f?\u20e3"
# Hidden in a table's cell: controls, formats, surrogates, private use, unassigned, separators and ignorables.
_CELL = regex.compile(rf"(?P<kept>{_SEQUENCE})|(?P<hidden>[\p{{C}}\p{{Z}}\p{{Default_Ignorable_Code_Point}}{_BLANK}])")
# Prose keeps spaces. It also keeps joiners, selectors and the braille blank in scripts that use them.
_PROSE = regex.compile(
    rf"(?P<kept>{_SEQUENCE}"
    r"|(?<=(?!\p{Latin}|\p{Greek}|\p{Cyrillic})[\p{L}\p{M}])[\u200c\u200d]"
    r"|(?<=[\p{Han}\p{Mongolian}\p{Myanmar}\p{Phags_Pa}])\p{Variation_Selector}"
    r"|(?<=[\u2801-\u28ff])\u2800)"
    rf"|(?P<hidden>(?![\n\t])[\p{{Cc}}\p{{Cf}}\p{{Cs}}\p{{Zl}}\p{{Zp}}\p{{Default_Ignorable_Code_Point}}{_BLANK}])"
)
# Emoji that take one place: a flag of two letters, or a sequence.
EMOJI = regex.compile(rf"\p{{Regional_Indicator}}{{2}}|{_SEQUENCE}")
# What a reader sees as one character: a letter with its marks, an emoji, or a code point such as ``\u202e``.
_SEEN = regex.compile(r"\\u[0-9a-f]{4}|\\U[0-9a-f]{8}|\X")
_LINE_START = re.compile(r"^(\s*)([#\-+])(?!\ufe0f?\u20e3)|^(\s*\d+)([.)])(?=\s|$)", re.MULTILINE)
_MARKUP = re.compile(r"([\\*_~|`\[\]<>])")
# The start of an emoji's name between colons, such as ":100:", even if the closing colon is not in this text. The
# backslash of an escape must not become such a name either, as in ":\\:".
_SHORTCODE = re.compile(r":(?=[^\s:]*:)|:(?=[^\s:\u200b][^\s:]*\Z)")
# "@everyone" and "@here". `escape_prose` breaks up links too, because Discord would fetch and preview them.
_AT = re.compile(r"@(?=\w)")


def visible_token(text: str) -> str:
    r"""Return a token for a table's cell: spaces as ``·``, line breaks as ``↵``, invisible characters as ``\u202e``."""
    return isolated("".join(visible_characters(text)))  # keeps the row's other cells in place


def isolated(text: str) -> str:
    """Return a text so that its direction doesn't change the order of the texts around it."""
    return f"{ISOLATE}{text}{POP_ISOLATE}" if has_right_to_left(text) else text


def has_right_to_left(text: str) -> bool:
    """Return whether any character is of a script that runs from right to left."""
    return not text.isascii() and any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in text)


def seen_characters(text: str) -> list[str]:
    r"""Split a text into what a reader sees as one character: a letter with its marks, an emoji, or ``\u202e``."""
    return _SEEN.findall(text)


def visible_characters(text: str) -> list[str]:
    r"""Return each character as a table shows it: ``·`` for a space, ``\u202e`` if invisible, ``◌`` below a mark.

    The characters of an emoji sequence stay as they are.
    """
    cells: list[str] = list(text)
    for match in _CELL.finditer(text):
        if match["hidden"]:
            cells[match.start()] = _NAMED.get(match["hidden"]) or code_point(match["hidden"])
    for index, character in enumerate(text):
        is_mark = cells[index] == character and unicodedata.category(character).startswith("M")
        if is_mark and (index == 0 or cells[index - 1] != text[index - 1]):
            cells[index] = f"◌{character}"
    return cells


def code_point(character: str) -> str:
    r"""Return the code point as ``\u202e``, or as ``\U0001f3fd`` above U+FFFF."""
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def visible_text(text: str) -> str:
    """Return prose with bidi controls, zero-width, blank and control characters shown as code points."""
    unbroken = text.replace("\r\n", "\n")
    return _PROSE.sub(lambda match: match["kept"] or code_point(match["hidden"]), unbroken)


def escape_prose(text: str) -> str:
    """Return text that Discord shows literally: no markdown, mentions, emoji names or invisible characters."""
    text = _MARKUP.sub(r"\\\1", visible_text(text))
    text = _LINE_START.sub(r"\1\3\\\2\4", text)
    text = _AT.sub("@" + _ZERO_WIDTH_SPACE, text)
    text = text.replace("://", f":{_ZERO_WIDTH_SPACE}//")
    return _SHORTCODE.sub(r"\\:", text)


def code_block(text: str) -> str:
    """Return `text` in a code block that it can't close."""
    unbroken = re.sub("`(?=`)", "`" + _ZERO_WIDTH_SPACE, text)
    return f"```\n{unbroken}\n```"
