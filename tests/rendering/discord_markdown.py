"""The rules of Discord's markdown parser that change a text, tried from left to right."""

import re

ZERO_WIDTH_SPACE = "\u200b"
_ESCAPE = re.compile(r"\\([^0-9A-Za-z\s])")
_RULES = {
    "emoji": r":(?!\u200b)[^\s:]+?(?:::skin-tone-\d)?:",
    "mention": r"<@[!&]?\d+>|<#\d+>|@everyone|@here",
    "custom emoji": r"<a?:\w+:\d+>",
    "timestamp": r"<t:-?\d+(?::[a-zA-Z])?>",
    "command": r"</[^>]+:\d+>",
    "guild navigation": r"<id:\w+>",
    "link": r"https?://[^\s<]+[^<.,:;\"'\]\s]|<[a-z]+:/?/?[^ >]+>",
    "e-mail or number": r"<[^\s<>]+@[^\s<>]+>|<\+\d[\d ()-]+>|[\w.+-]+@[\w-]+\.\w+",
    "masked link": r"\[[^\]\n]+\]\([^)\n]+\)",
    "code": r"`[^`]+`",
    "bold or italics": r"\*[^*\s]|_[^_\s][^_]*_|\*\*",
    "strike": r"~~[^~]+~~",
    "spoiler": r"\|\|.+?\|\|",
}
_AT_LINE_START = {
    "heading": r"\s*(?:-#|#{1,3})\s",
    "list": r"\s*(?:[-*]|\d+\.)\s",
    "quote": r"\s*>{1,3}\s",
}


def displayed_text(text: str) -> str:
    """Return `text` as Discord shows it, without its escapes. Raise AssertionError if a rule would change it."""
    shown, position = [], 0
    while position < len(text):
        if position == 0 or text[position - 1] == "\n":
            for name, rule in _AT_LINE_START.items():
                assert not re.match(rule, text[position:]), f"{name} in {text!r}"
        if escape := _ESCAPE.match(text, position):
            shown.append(escape[1])
            position = escape.end()
            continue
        for name, rule in _RULES.items():
            assert not re.compile(rule).match(text, position), f"{name} at {position} in {text!r}"
        shown.append(text[position])
        position += 1
    return "".join(shown).replace(ZERO_WIDTH_SPACE, "")
