"""Make any text safe and visible: in tables every character that hides, in prose all that Discord would interpret."""

import re
import unicodedata

import regex  # for it knows more of Unicode's properties than `re`, and newer ones than Python

_NAMED = {" ": "·", "\n": "↵", "\r": "␍", "\t": "⇥"}
_RIGHT_TO_LEFT = {"R", "AL", "AN"}
ISOLATE, POP_ISOLATE = "\u2068", "\u2069"
_ZERO_WIDTH_SPACE = "\u200b"

# No property tells that these have no picture: an empty braille pattern, two blanks among hieroglyphs, a filler, a
# note without a head, and the replacement for an object that is missing.
_BLANK = r"\u2800\U00013441\U00013442\U00016fe4\U0001d159\ufffc"
# An emoji of several characters, as UTS #51 has them: its joiners, selectors and tags make one picture of it. Only the
# three flags that are in use: other tags could be any text.
_EMOJI = r"(?!\p{Cn})\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|[\ufe0e\ufe0f])?"
_TAGS = [[chr(0xE0000 + ord(letter)) for letter in f"{region}\x7f"] for region in ("gbeng", "gbsct", "gbwls")]
_FLAGS = "|".join("\U0001f3f4" + "".join(tags) for tags in _TAGS)
_SEQUENCE = rf"{_FLAGS}|{_EMOJI}(?:\u200d{_EMOJI})*|[0-9#*]\ufe0f?\u20e3"
# In a table's cell: controls, formats, surrogates, private use, unassigned, separators, and what is ignorable.
_CELL = regex.compile(rf"(?P<kept>{_SEQUENCE})|(?P<hidden>[\p{{C}}\p{{Z}}\p{{Default_Ignorable_Code_Point}}{_BLANK}])")
# In prose spaces stay, and so do joiners, selectors and braille's space where a script is written with them.
_PROSE = regex.compile(
    rf"(?P<kept>{_SEQUENCE}"
    r"|(?<=(?!\p{Latin}|\p{Greek}|\p{Cyrillic})[\p{L}\p{M}])[\u200c\u200d]"
    r"|(?<=[\p{Han}\p{Mongolian}\p{Myanmar}\p{Phags_Pa}])\p{Variation_Selector}"
    r"|(?<=[\u2801-\u28ff])\u2800)"
    rf"|(?P<hidden>(?![\n\t])[\p{{Cc}}\p{{Cf}}\p{{Cs}}\p{{Zl}}\p{{Zp}}\p{{Default_Ignorable_Code_Point}}{_BLANK}])"
)
_LINE_START = re.compile(r"^(\s*)([#\-+])(?!\ufe0f?\u20e3)|^(\s*\d+)([.)])(?=\s|$)", re.MULTILINE)
_MARKUP = re.compile(r"([\\*_~|`\[\]<>])")
# What can begin an emoji's name between colons, ":100:", also where the colon that ends it is not of this text. Nor may
# the backslash of an escape become such a name, as in ":\\:".
_SHORTCODE = re.compile(r":(?=[^\s:]*:)|:(?=[^\s:\u200b][^\s:]*\Z)")
# "@everyone", "@here", and links, which would otherwise be fetched and previewed.
_AT = re.compile(r"@(?=\w)")


def visible_token(text: str) -> str:
    r"""Return a token for a table's cell: spaces as ``·``, line breaks as ``↵``, what hides as ``\u202e``."""
    shown = "".join(visible_characters(text))
    if any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in shown):
        shown = f"{ISOLATE}{shown}{POP_ISOLATE}"  # keeps the row's other cells in their places
    return shown


def visible_characters(text: str) -> list[str]:
    r"""Return each character as a table shows it: ``·`` for a space, ``\u202e`` for one that hides, ``◌`` below a mark.

    Within an emoji of several characters none hides.
    """
    found: list[str] = list(text)
    for match in _CELL.finditer(text):
        if match["hidden"]:
            found[match.start()] = _NAMED.get(match["hidden"]) or code_point(match["hidden"])
    for place, character in enumerate(text):
        is_mark = found[place] == character and unicodedata.category(character).startswith("M")
        if is_mark and (place == 0 or found[place - 1] != text[place - 1]):
            found[place] = f"◌{character}"
    return found


def code_point(character: str) -> str:
    r"""Return ``\u202e``, or ``\U0001f3fd`` beyond the first 65,536."""
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def visible_text(text: str) -> str:
    """Return prose with bidi controls, zero-width, blank and control characters shown as code points."""
    unbroken = text.replace("\r\n", "\n")
    return _PROSE.sub(lambda match: match["kept"] or code_point(match["hidden"]), unbroken)


def escape_prose(text: str) -> str:
    """Return text that Discord shows as it is written: no markdown, no mention, no emoji from names, nothing hidden."""
    text = _MARKUP.sub(r"\\\1", visible_text(text))
    text = _LINE_START.sub(r"\1\3\\\2\4", text)
    text = _AT.sub("@" + _ZERO_WIDTH_SPACE, text)
    text = text.replace("://", f":{_ZERO_WIDTH_SPACE}//")
    return _SHORTCODE.sub(r"\\:", text)


def code_block(text: str) -> str:
    """Return `text` in a fence that nothing in it can close."""
    unbroken = re.sub("`(?=`)", "`" + _ZERO_WIDTH_SPACE, text)
    return f"```\n{unbroken}\n```"
