"""Text of users and models in an embed, escaped and cut to a limit."""

from collections.abc import Callable
from typing import NamedTuple

from bot.rendering.escaping import escape_prose, visible_characters, visible_text

PROMPT_LIMIT = 600  # characters, escaped


class Excerpt(NamedTuple):
    """Escaped text, and whether it is complete."""

    text: str
    is_complete: bool


def prompt_excerpt(prompt: str, limit: int = PROMPT_LIMIT) -> Excerpt:
    """Return the end of the prompt, where the model continues, in at most `limit` characters."""
    return _fit(prompt, limit, lambda shown: escape_prose(_end_of(prompt, shown)))


def plain_excerpt(text: str, limit: int) -> Excerpt:
    """Return the beginning of `text`, in at most `limit` characters."""
    return _fit(text, limit, lambda shown: escape_prose(_start_of(text, shown)))


def visible_excerpt(text: str, limit: int) -> str:
    """Return the beginning of `text` for display without markdown, in at most `limit` characters."""
    return _fit(text, limit, lambda shown: visible_text(_start_of(text, shown))).text


def bold_excerpt(text: str, limit: int) -> Excerpt:
    """Return the beginning of `text` in bold, in at most `limit` characters."""
    return _fit(text, limit, lambda shown: bold(_start_of(text, shown)))


def quote_excerpt(text: str, limit: int) -> Excerpt:
    """Return the beginning of `text` as a block quote, in at most `limit` characters."""
    return _fit(text, limit, lambda shown: _quote(_start_of(text, shown)))


def bold(text: str) -> str:
    """Return escaped text in bold, line by line. White space stays outside: ``** x**`` isn't bold on Discord."""
    return "\n".join(map(_bold_line, visible_text(text).split("\n")))


def token_in_prose(text: str, limit: int = 40) -> str:
    """Return at most `limit` characters of a token in bold, for a sentence. Invisible characters are made visible."""
    shown = "".join(visible_characters(text[:limit]))
    return f"**{escape_prose(shown)}{'' if len(text) <= limit else '…'}**" if text else "*(empty)*"


def _fit(text: str, limit: int, render: Callable[[int], str]) -> Excerpt:
    """Return an excerpt that fits. The length after escaping is known only after rendering, so this retries."""
    shown = limit
    while len(rendered := render(shown)) > limit:
        shown = shown * 3 // 4
    return Excerpt(rendered, is_complete=len(text) <= shown)


def _end_of(text: str, count: int) -> str:
    return text if len(text) <= count else f"… {text[len(text) - count :]}"


def _start_of(text: str, count: int) -> str:
    return text if len(text) <= count else f"{text[:count]} …"


def _quote(text: str) -> str:
    return "\n".join(f"> {line}" for line in escape_prose(text).split("\n"))


def _bold_line(line: str) -> str:
    core = line.strip()
    if not core:
        return line
    before, after = line[: len(line) - len(line.lstrip())], line[len(line.rstrip()) :]
    return f"{before}**{escape_prose(core)}**{after}"
