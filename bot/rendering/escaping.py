"""Make any text safe and visible: in tables every character that hides, in prose all that Discord would interpret."""

import re
import unicodedata

_NAMED = {" ": "·", "\n": "↵", "\r": "␍", "\t": "⇥"}
# Characters without a picture of their own: controls, formats, surrogates, private use, unassigned, separators.
_HIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}
_RIGHT_TO_LEFT = {"R", "AL", "AN"}
ISOLATE, POP_ISOLATE = "\u2068", "\u2069"
_ZERO_WIDTH_SPACE = "\u200b"

# What reorders or hides text in prose. Joiners stay: emoji and several scripts are written with them.
_PROSE_HIDDEN = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ud800-\udfff]"
)
_LINE_START = re.compile(r"^(\s*)([#\-+])|^(\s*\d+)([.)])(?=\s|$)", re.MULTILINE)
_MARKUP = re.compile(r"([\\*_~|`\[\]<>])")
# "@everyone", "@here", and links, which would otherwise be fetched and previewed.
_AT = re.compile(r"@(?=\w)")


def visible_token(text: str) -> str:
    r"""Return a token for a table's cell: spaces as ``·``, line breaks as ``↵``, what hides as ``\u202e``."""
    shown = "".join(visible_character(character) for character in text)
    if shown and unicodedata.combining(shown[0]):
        shown = "◌" + shown
    if any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in shown):
        shown = f"{ISOLATE}{shown}{POP_ISOLATE}"  # keeps the row's other cells in their places
    return shown


def visible_character(character: str) -> str:
    r"""Return a character as a table shows it: ``·`` for a space, ``\u202e`` for one that hides."""
    if character in _NAMED:
        return _NAMED[character]
    if unicodedata.category(character) in _HIDDEN_CATEGORIES:
        return code_point(character)
    return character


def code_point(character: str) -> str:
    r"""Return ``\u202e``, or ``\U0001f3fd`` beyond the first 65,536."""
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def visible_text(text: str) -> str:
    """Return prose with bidi controls, zero-width and control characters shown as code points."""
    return _PROSE_HIDDEN.sub(lambda match: code_point(match.group()), text.replace("\r\n", "\n"))


def escape_prose(text: str) -> str:
    """Return text that Discord shows as it is written: no markdown, no mention, nothing hidden."""
    text = _MARKUP.sub(r"\\\1", visible_text(text))
    text = _LINE_START.sub(r"\1\3\\\2\4", text)
    text = _AT.sub("@" + _ZERO_WIDTH_SPACE, text)
    return text.replace("://", f":{_ZERO_WIDTH_SPACE}//")


def code_block(text: str) -> str:
    """Return `text` in a fence that nothing in it can close."""
    unbroken = re.sub("`(?=`)", "`" + _ZERO_WIDTH_SPACE, text)
    return f"```\n{unbroken}\n```"
