"""The picture of a tokenization: each token in a box with its id, and a second text below to compare."""

from collections.abc import Sequence
from difflib import SequenceMatcher

from bot.questions.tokenization import Tokenization
from bot.questions.tokens import Token
from bot.rendering.pictures.canvas import MARGIN, SMALLEST, Canvas
from bot.rendering.pictures.flow import PADDING, Box, box_text, breaks_of, flow, more_text, quoted_token
from bot.rendering.pictures.palette import ACCENT, GRID, MUTED, TEXT, text_on
from bot.rendering.pictures.picture import ALT_LIMIT, Picture, alt_list

MOST_TOKENS = 150
MOST_LINES = 12  # lines of boxes; half as many for two texts
_TOP = 136
_BOX, _BORDER = 40, 2
_ROW = 72  # a box and its id
_BETWEEN = 12  # pixels to the next line
_KEY = 56
_LOWEST = _TOP + (MOST_LINES + 1) * (_ROW + _BETWEEN) + _KEY

Column = tuple[Token | None, Token | None]  # the token of each text in this column; None if one has none here


def token_borders_picture(tokenization: Tokenization, other: Tokenization | None = None) -> Picture:
    """Draw the tokens of a text in boxes, and those of a second text below. Shared tokens are aligned and filled.

    At most `MOST_TOKENS` tokens and `MOST_LINES` lines are drawn, with a note of how many are missing.
    """
    columns = _columns(tokenization, other)
    canvas = Canvas(_LOWEST)
    canvas.heading(*_heading(tokenization, other, columns))
    rows = 1 if other is None else 2
    boxes = _boxes(canvas, columns, MOST_LINES // rows, is_alone=other is None)
    line_height = rows * _ROW + _BETWEEN
    for box, column in zip(boxes, columns, strict=False):
        is_same = other is not None and None not in column
        for row, token in enumerate(column):
            if token is not None:
                _draw_token(canvas, box, _TOP + box.line * line_height + row * _ROW, token, is_same=is_same)
    bottom = _TOP + (boxes[-1].line + 1 if boxes else 0) * line_height
    left_out = _left_out(tokenization, other, columns[: len(boxes)])
    if left_out:
        canvas.text(MARGIN, bottom + 22, more_text(left_out, "token"), colour=MUTED)
        bottom += 40
    if other is not None:
        _draw_key(canvas, bottom)
        bottom += _KEY
    canvas.end_at(bottom + 12)
    return canvas.picture(_alt(tokenization, other, columns, left_out))


def _columns(tokenization: Tokenization, other: Tokenization | None) -> list[Column]:
    """Return the columns of the picture: shared tokens share a column, and other tokens have their own."""
    ours = tokenization.tokens[:MOST_TOKENS]
    if other is None:
        return [(token, None) for token in ours]
    theirs = other.tokens[:MOST_TOKENS]
    columns: list[Column] = []
    matcher = SequenceMatcher(None, [token.id for token in ours], [token.id for token in theirs], autojunk=False)
    for tag, start, end, first, last in matcher.get_opcodes():
        if tag == "equal":
            columns.extend(zip(ours[start:end], theirs[first:last], strict=True))
        else:
            columns.extend((token, None) for token in ours[start:end])
            columns.extend((None, token) for token in theirs[first:last])
    return columns


def _boxes(canvas: Canvas, columns: Sequence[Column], most_lines: int, *, is_alone: bool) -> list[Box]:
    tokens = [first or second for first, second in columns]
    texts = [token.text if token else "" for token in tokens]
    ids = [canvas.width_of(f"{token.id if token else 0}", size=SMALLEST) - PADDING for token in tokens]
    breaks = breaks_of(texts) if is_alone else set()
    return flow(canvas, [box_text(text) for text in texts], most_lines, breaks=breaks, gap=6, widths=ids)


def _draw_token(canvas: Canvas, box: Box, top: int, token: Token, *, is_same: bool) -> None:
    _draw_frame(canvas, box.left, top, box.width, is_same=is_same)
    box.write(canvas, top + 28, colour=text_on(ACCENT) if is_same else TEXT)
    middle = box.left + box.width / 2
    canvas.text(middle, top + 63, f"{token.id}", size=SMALLEST, colour=MUTED, align="center")


def _draw_frame(canvas: Canvas, left: int, top: int, width: int, *, is_same: bool) -> None:
    canvas.rectangle(left, top, width, _BOX, ACCENT if is_same else MUTED)
    if not is_same:
        canvas.rectangle(left + _BORDER, top + _BORDER, width - 2 * _BORDER, _BOX - 2 * _BORDER, GRID)


def _draw_key(canvas: Canvas, top: int) -> None:
    left = MARGIN
    for is_same, name in ((True, "in both"), (False, "in one text")):
        _draw_frame(canvas, left, top, 40, is_same=is_same)
        left = round(canvas.text(left + 52, top + 28, name, size=SMALLEST, colour=MUTED).right) + 32


def _heading(tokenization: Tokenization, other: Tokenization | None, columns: Sequence[Column]) -> tuple[str, str]:
    ours = _count(len(tokenization.tokens))
    if other is None:
        return ours, f"{quoted_token(tokenization.text)}, each token above its id"
    theirs = len(other.tokens)
    same = sum(None not in column for column in columns)
    return (
        f"{ours} compared with {theirs:,}, {same:,} in both",
        f"above {quoted_token(tokenization.text)}, below {quoted_token(other.text)}",
    )


def _left_out(tokenization: Tokenization, other: Tokenization | None, columns: Sequence[Column]) -> int:
    total = len(tokenization.tokens) + (len(other.tokens) if other else 0)
    return total - sum(token is not None for column in columns for token in column)


def _count(tokens: int) -> str:
    return "1 token" if tokens == 1 else f"{tokens:,} tokens"


def _alt(tokenization: Tokenization, other: Tokenization | None, columns: Sequence[Column], left_out: int) -> str:
    title, detail = _heading(tokenization, other, columns)
    sentences = [f"Tokens in boxes. {title}: {detail}."]
    if left_out:
        sentences.append(f"Not in the picture: {left_out:,} more.")
    if other is None:
        return alt_list(sentences, "In order:", _named(tokenization))
    half = (ALT_LIMIT + len(" ".join(sentences))) // 2
    above = alt_list(sentences, "Above:", _named(tokenization) or ["none"], most=half)
    return alt_list([above], "Below:", _named(other) or ["none"])


def _named(tokenization: Tokenization) -> list[str]:
    return [f"{quoted_token(token.text)} {token.id}" for token in tokenization.tokens[:MOST_TOKENS]]
