"""The picture of the next token: the candidates' probabilities, and the path before them."""

import math
from collections.abc import Sequence

from bot.questions.tokens import Token
from bot.questions.topk import WalkStep
from bot.rendering.pictures.canvas import BOLD, MARGIN, REGULAR, SMALLEST, WIDTH, Canvas
from bot.rendering.pictures.flow import PADDING, box_text, end_of_prompt, flow, quoted_token
from bot.rendering.pictures.palette import ACCENT, GRID, MUTED, NEUTRAL
from bot.rendering.pictures.picture import ALT_LIMIT, Picture
from bot.rendering.tables import percentage

MOST_CANDIDATES = 20
MOST_PATH_LINES = 3
MOST_PATH = 48  # steps; fewer are shown if there is no room
_TOP = 132  # of the path, or of the bars if there is no path
_PATH_LINE, _BOX = 72, 36
_ROW, _BAR = 38, 26
_NAMES = 220  # pixels for the tokens' texts
_LOWEST = _TOP + (MOST_PATH_LINES + 1) * _PATH_LINE + (MOST_CANDIDATES + 1) * _ROW + MARGIN
_PROMPT = 36  # characters at a prompt's end


def candidates_picture(
    prompt_end: str,
    tokens: Sequence[Token],
    probabilities: Sequence[float],
    remainder: float,
    path: Sequence[WalkStep] = (),
) -> Picture:
    """Draw the probabilities of the next tokens, best first, the sum of all others, and the path so far.

    Candidates after the first `MOST_CANDIDATES` count as others. If the path is too long, its last steps are shown.
    """
    rows = list(zip(tokens, probabilities, strict=True))[:MOST_CANDIDATES]
    remainder = max(0.0, remainder + sum(probabilities[MOST_CANDIDATES:]))
    canvas = Canvas(_LOWEST)
    canvas.heading(_title(rows), _after(prompt_end))
    top = _draw_path(canvas, path)
    highest = max([remainder, *(probability for _, probability in rows)]) or 1
    for index, (token, probability) in enumerate(rows):
        _draw_bar(canvas, top, box_text(token.text), probability, highest, ACCENT if not index else NEUTRAL)
        top += _ROW
    _draw_bar(canvas, top, "all others", remainder, highest, None)
    canvas.end_at(top + _ROW + 26)
    return canvas.picture(_alt(prompt_end, rows, remainder, path))


def joint_probability(path: Sequence[WalkStep]) -> str:
    """Return the probability of the whole path: a percentage, or a power of ten below 0.01%."""
    power = sum(step.likelihood.log_probability for step in path) / math.log(10)
    if not math.isfinite(power):
        return percentage(0.0)
    if power >= -4:
        return percentage(min(1.0, 10**power))
    exponent = math.floor(power + 0.02)  # 9.96 is written as 1.0 with the next exponent
    return f"{10 ** (power - exponent):.1f}e{exponent}"


def _title(rows: Sequence[tuple[Token, float]]) -> str:
    if not rows:
        return "No candidates"
    token, probability = rows[0]
    return f"{percentage(probability)} for {quoted_token(token.text)}"


def _after(prompt_end: str) -> str:
    return f"after “{end_of_prompt(prompt_end, _PROMPT)}”" if prompt_end else "after nothing"


def _draw_path(canvas: Canvas, path: Sequence[WalkStep]) -> int:
    """Draw the last steps with their probabilities below. Return the top of the bars."""
    if not path:
        return _TOP
    first, boxes = max(0, len(path) - MOST_PATH), []
    while True:
        steps = path[first:]
        texts = [box_text(step.token.text) for step in steps]
        chances = [percentage(step.likelihood.probability) for step in steps]
        widths = [canvas.width_of(chance, size=SMALLEST) - 2 * PADDING + 8 for chance in chances]
        boxes = flow(canvas, texts, MOST_PATH_LINES, widths=widths, gap=4)
        if len(boxes) == len(steps):
            break
        first += max(1, len(steps) - len(boxes))
    for box, chance in zip(boxes, chances, strict=True):
        top = _TOP + box.line * _PATH_LINE
        canvas.rectangle(box.left, top, box.width, _BOX, GRID)
        box.write(canvas, top + 26)
        canvas.text(box.left + box.width / 2, top + 58, chance, size=SMALLEST, colour=MUTED, align="center")
    bottom = _TOP + (boxes[-1].line + 1) * _PATH_LINE
    earlier = f" ({first} earlier)" if first else ""
    summary = f"{_steps(len(path))}{earlier}, together {joint_probability(path)}"
    canvas.text(MARGIN, bottom + 24, summary, colour=MUTED, room=WIDTH - 2 * MARGIN)
    return bottom + 48


def _draw_bar(canvas: Canvas, top: int, name: str, probability: float, highest: float, colour: str | None) -> None:
    """Draw one row. The bar of the other tokens has no colour and is hatched."""
    left, baseline = MARGIN + _NAMES + 14, top + 28
    chance = percentage(probability)
    weight = BOLD if colour == ACCENT else REGULAR
    room = WIDTH - MARGIN - left - 118
    width = round(probability / highest * room)
    canvas.text(left - 14, baseline, name, colour=ACCENT if colour == ACCENT else MUTED, align="right", room=_NAMES)
    if width:
        canvas.rectangle(left, top + (_ROW - _BAR) // 2, width, _BAR, colour or NEUTRAL, hatched=colour is None)
    canvas.text(left + width + 10, baseline, chance, weight=weight, room=108)


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"


def _alt(prompt_end: str, rows: Sequence[tuple[Token, float]], remainder: float, path: Sequence[WalkStep]) -> str:
    sentences = [f"Most probable next tokens {_after(prompt_end)}."]
    if path:
        last = ", ".join(
            f"{quoted_token(step.token.text)} {percentage(step.likelihood.probability)}" for step in path[-5:]
        )
        sentences.append(f"Path of {_steps(len(path))}, together {joint_probability(path)}; it ends with {last}.")
    named = [f"{quoted_token(token.text)} {percentage(probability)}" for token, probability in rows]
    others = f"All others {percentage(remainder)}."
    while named:
        whole = " ".join([*sentences, f"Candidates: {', '.join(named)}.", others])
        if len(whole) <= ALT_LIMIT:
            return whole
        named.pop()
    return " ".join([*sentences, others])
