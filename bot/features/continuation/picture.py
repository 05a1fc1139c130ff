"""The picture of a continuation: each new token coloured by its probability, and what else was near."""

import math
from collections.abc import Sequence

from bot.questions.continuation import NEAR, Continuation, WrittenToken
from bot.questions.tokens import ScoredToken
from bot.rendering.pictures.canvas import MARGIN, SMALLEST, Canvas
from bot.rendering.pictures.flow import PADDING, Box, box_text, breaks_of, end_of_prompt, flow, more_text, quoted_token
from bot.rendering.pictures.palette import MUTED, TEXT, sequential, text_on
from bot.rendering.pictures.picture import ALT_LIMIT, Picture
from bot.rendering.tables import whole_percentage

MOST_TOKENS = 120
MOST_LINES = 14
MOST_HEIGHT = 640  # of all lines; at half the size, the whole picture is less than a phone's height
MOST_NEAR = 2  # others below a token; the menu has the third
_TOP = 132  # of the first line
_BOX, _BASELINE = 38, 26  # height of a box, and the baseline of its text
_MARK = 4  # height of the line below a token with others near it
_NEAR = 30  # from one token below a box to the next
_BETWEEN = 8  # lines
_KEY = 92  # height of the key
_LOWEST = _TOP + MOST_HEIGHT + _BOX + _KEY
_BEFORE = 36  # characters of the text before
_NAME = 10  # characters of a token below a box
_SCALE = 300  # width of the scale


def continuation_picture(result: Continuation) -> Picture:
    """Draw the new tokens after the end of the text before, coloured by probability. There must be some.

    A token with others near it is underlined, and these are listed below it. At most `MOST_TOKENS` tokens and
    `MOST_HEIGHT` pixels of lines are drawn, with a note of how many tokens are missing.
    """
    canvas = Canvas(_LOWEST)
    canvas.heading(_title(result), f"coloured by probability, with up to {MOST_NEAR} alternatives below")
    before = _end_of_text(result)
    lines = _lines(canvas, before, result.tokens[:MOST_TOKENS])
    bottom, drawn = _TOP, 0
    for line in lines:
        height = _height(line)
        if bottom + height > _TOP + MOST_HEIGHT:
            break
        for box, token in line:
            if token is None:
                box.write(canvas, bottom + _BASELINE, colour=MUTED)
            else:
                _draw_token(canvas, box, bottom, token)
                drawn += 1
        bottom += height
    left_out = len(result.tokens) - drawn
    if left_out:
        canvas.text(MARGIN, bottom + _BASELINE, more_text(left_out, "token"), colour=MUTED)
        bottom += _BOX
    _draw_key(canvas, bottom + 14)
    canvas.end_at(bottom + _KEY)
    return canvas.picture(_alt(result, before, left_out))


def _lines(canvas: Canvas, before: str, tokens: Sequence[WrittenToken]) -> list[list[tuple[Box, WrittenToken | None]]]:
    """Return the boxes of each line with their tokens. The first box is the text before, which has no token."""
    entries: list[WrittenToken | None] = [*([None] if before else []), *tokens]
    texts = [before if token is None else token.token.text for token in entries]
    shown = [text if token is None else box_text(text) for text, token in zip(texts, entries, strict=True)]
    widths = [_width_below(canvas, token) for token in entries]
    boxes = flow(canvas, shown, MOST_LINES, breaks=breaks_of(texts), widths=widths, gap=4)
    lines: list[list[tuple[Box, WrittenToken | None]]] = [[] for _ in range(boxes[-1].line + 1)]
    for box, token in zip(boxes, entries, strict=False):
        lines[box.line].append((box, token))
    return lines


def _height(line: Sequence[tuple[Box, WrittenToken | None]]) -> int:
    below = max(0 if token is None else len(_shown_near(token)) for _, token in line)
    return _BOX + below * _NEAR + _BETWEEN


def _width_below(canvas: Canvas, token: WrittenToken | None) -> float:
    names = [] if token is None else [_name(other) for other in _shown_near(token)]
    return max((canvas.width_of(name, size=SMALLEST) - 2 * PADDING + 4 for name in names), default=0)


def _draw_token(canvas: Canvas, box: Box, top: int, token: WrittenToken) -> None:
    colour = _colour(token.probability)
    canvas.rectangle(box.left, top, box.width, _BOX, colour)
    box.write(canvas, top + _BASELINE, colour=text_on(colour))
    if token.near:
        canvas.rectangle(box.left, top + _BOX - _MARK, box.width, _MARK, TEXT)
    middle, baseline = box.left + box.width / 2, top + _BOX + 22
    for other in _shown_near(token):
        canvas.text(middle, baseline, _name(other), size=SMALLEST, colour=MUTED, align="center", room=box.width)
        baseline += _NEAR


def _shown_near(token: WrittenToken) -> tuple[ScoredToken, ...]:
    return token.near[:MOST_NEAR]


def _colour(probability: float) -> str:
    """Return the colour of a probability. Because of the square root, small ones can be told apart."""
    return sequential(1 - math.sqrt(probability))


def _name(other: ScoredToken) -> str:
    text = box_text(other.token.text)
    cut = text if len(text) <= _NAME else f"{text[: _NAME - 1]}…"
    return f"{cut} {whole_percentage(other.probability)}"


def _draw_key(canvas: Canvas, top: int) -> None:
    canvas.gradient(MARGIN, top, _SCALE, 20, sequential)
    canvas.text(MARGIN, top + 48, "100%", size=SMALLEST, colour=MUTED)
    for probability in (0.4, 0.1):
        middle = MARGIN + (1 - math.sqrt(probability)) * _SCALE
        canvas.text(middle, top + 48, f"{probability:.0%}", size=SMALLEST, colour=MUTED, align="center")
    canvas.text(MARGIN + _SCALE, top + 48, "0%", size=SMALLEST, colour=MUTED, align="right")
    left = MARGIN + _SCALE + 40
    canvas.rectangle(left, top + 14, 40, _MARK, TEXT)
    canvas.text(left + 52, top + 20, f"near: at least {NEAR:.0%} as probable", size=SMALLEST, colour=MUTED)


def _end_of_text(result: Continuation) -> str:
    """Return the end of the prompt and of what earlier continuations wrote, in one line."""
    return end_of_prompt(result.prompt + result.text_before, _BEFORE)


def _title(result: Continuation) -> str:
    count = len(result.tokens)
    tokens = "1 new token" if count == 1 else f"{count:,} new tokens"
    return f"{len(result.doubtful):,} of {tokens} had near alternatives"


def _alt(result: Continuation, before: str, left_out: int) -> str:
    sentences = [f"Continuation after “{before}”, coloured by probability. {_title(result)}."]
    best_first = sorted(result.doubtful, key=lambda index: -result.tokens[index].others[0].log_probability)
    named = [_near_text(result, index) for index in best_first]
    last = [f"Not in the picture: {more_text(left_out, 'token').lstrip('… ')}."] if left_out else []
    while named:
        whole = " ".join([*sentences, f"The most probable alternatives: {'; '.join(named)}.", *last])
        if len(whole) <= ALT_LIMIT:
            return whole
        named.pop()
    return " ".join([*sentences, *last])


def _near_text(result: Continuation, index: int) -> str:
    token = result.tokens[index]
    other = token.others[0]
    return (
        f"{quoted_token(other.token.text)} {whole_percentage(other.probability)} instead of token "
        f"{result.written_before + index + 1:,}, {quoted_token(token.token.text)} {whole_percentage(token.probability)}"
    )
