"""Plain-text tables for code blocks and terminals. The token is the last column, so it doesn't shift the others."""

import textwrap
from collections.abc import Iterable, Sequence

from wcwidth import clip, ljust, rjust, width

from bot.questions.tokens import NextTokens, Token
from bot.rendering.escaping import ISOLATE, POP_ISOLATE, visible_token

OPTION_LIMIT = 100  # characters of a menu option's label or description
BAR_CELLS = 4
PHONE_WIDTH = 32  # characters in one line of a code block in an embed, on a phone 400 pixels wide
_EIGHTHS = " ▏▎▍▌▋▊▉"


def duration(seconds: float) -> str:
    """Return ``<1 ms``, ``8 ms`` or ``1.42 s``."""
    if seconds < 0.001:
        return "<1 ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def option_label(token: Token, figures: str) -> str:
    """Return a token with its figures as a menu option's label, in plain text."""
    return f"{cut(visible_token(token.text)[: OPTION_LIMIT // 2], 30)}  {figures}"[:OPTION_LIMIT]


def percentage(probability: float) -> str:
    """Return ``88.71%``. A value that would round to 0% or 100% becomes ``<0.01%`` or ``>99.99%``."""
    if 0 < probability < 0.00005:
        return "<0.01%"
    if 0.99995 <= probability < 1:
        return ">99.99%"
    return f"{probability:.2%}"


def whole_percentage(probability: float) -> str:
    """Return ``89%``. A value that would round to 0% or 100% becomes ``<1%`` or ``>99%``."""
    if 0 < probability < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= probability < 1 else f"{probability:.0%}"


def bar(probability: float, cells: int = BAR_CELLS) -> str:
    """Return a bar of `cells` characters, full at a probability of 1."""
    eighths = round(min(max(probability, 0.0), 1.0) * cells * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[part] if part else "")).ljust(cells)


def cut(text: str, columns: int) -> str:
    """Return `text` in at most `columns` display columns, with "…" where it was cut."""
    if width(text) <= columns:
        return text
    kept = clip(text, 0, columns - 1)
    return f"{kept}…{POP_ISOLATE}" if ISOLATE in kept else f"{kept}…"


def tokens_table(tokens: Sequence[Token], columns: int | None = None) -> str:
    """Return one row per token: position, id and text."""
    rows = [(str(position), str(token.id), visible_token(token.text)) for position, token in enumerate(tokens, start=1)]
    return table(("#", "id", "token"), rows, right=(0, 1), columns=columns)


def next_tokens_table(result: NextTokens, columns: int | None = None) -> str:
    """Return one row per candidate: rank, probability, bar, id and token. The last row sums all others."""
    rows = [
        (
            str(candidate.rank),
            percentage(candidate.probability),
            bar(candidate.probability),
            str(candidate.token.id),
            visible_token(candidate.token.text),
        )
        for candidate in result.candidates
    ]
    rows.append(("", percentage(result.remainder), bar(result.remainder), "", "all others"))
    return table(("#", "prob.", "", "id", "token"), rows, right=(0, 1, 3), columns=columns)


def ids_text(ids: Sequence[int]) -> str:
    """Return the ids as a list to copy, in lines of at most `PHONE_WIDTH` characters."""
    return textwrap.fill(str(list(ids)), PHONE_WIDTH)


def table(
    header: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int], columns: int | None = None
) -> str:
    """Return aligned rows. Columns in `right` are right-aligned, and the last cell is cut to fit `columns`."""
    lines = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(width(line[column]) for line in lines) for column in range(len(header) - 1)]
    room = None if columns is None else columns - sum(widths) - len(widths)
    return "\n".join(_row(line, widths, right, room) for line in lines)


def _row(line: Sequence[str], widths: Sequence[int], right: Sequence[int], room: int | None) -> str:
    cells = [
        rjust(cell, columns) if number in right else ljust(cell, columns)
        for number, (cell, columns) in enumerate(zip(line, widths, strict=False))
    ]
    last = line[-1] if room is None else cut(line[-1], room)
    return " ".join([*cells, last]).rstrip()
