"""The picture of the next token: one bar of the whole probability, and the path before it."""

import math
from collections.abc import Sequence

from bot.questions.tokens import NextTokens, TokenProbability
from bot.questions.topk import WalkStep
from bot.rendering.pictures.canvas import MARGIN, SMALLEST, WIDTH, Canvas
from bot.rendering.pictures.flow import PADDING, SIZE, box_text, end_of_prompt, flow, quoted_token
from bot.rendering.pictures.palette import ACCENT, GRID, MUTED, NEUTRAL, text_on
from bot.rendering.pictures.picture import ALT_LIMIT, Picture
from bot.rendering.tables import percentage

MOST_CANDIDATES = 10
MOST_PATH_LINES = 3
MOST_PATH = 48  # steps; fewer are shown if there is no room
ENDED = "The text has ended."
_TOP = 20
_PATH_LINE, _BOX = 72, 36
_BAR = 52
_GAP = 2  # between segments; thinner ones than `_THIN` have none
_THIN = 6
_CAPTION = 44
_LOWEST = _TOP + MOST_PATH_LINES * _PATH_LINE + _CAPTION + _BAR + _CAPTION
_PROMPT = 36  # characters at a prompt's end


def candidates_picture(top: NextTokens, path: Sequence[WalkStep] = (), *, ended: bool = False) -> Picture:
    """Draw the probability of each candidate as a segment of one bar, best first, and above it the path so far.

    The hatched rest of the bar is all other tokens, and those after the first `MOST_CANDIDATES`. If the path is too
    long, its last steps are shown. If the text has `ended`, there is only the path.
    """
    shown = () if ended else top.candidates[:MOST_CANDIDATES]
    canvas = Canvas(_LOWEST)
    bottom = _draw_path(canvas, path)
    if shown:
        _draw_bar(canvas, bottom, shown)
        bottom += _BAR
        canvas.text(MARGIN, bottom + 30, _together(shown), size=SMALLEST, colour=MUTED)
        others = f"all others {percentage(_others(shown))}"
        canvas.text(WIDTH - MARGIN, bottom + 30, others, size=SMALLEST, colour=MUTED, align="right")
    else:
        canvas.text(MARGIN, bottom + 26, ENDED, colour=MUTED)
    canvas.end_at(bottom + _CAPTION)
    return canvas.picture(_alt(top.prompt, shown, path))


def joint_probability(path: Sequence[WalkStep]) -> str:
    """Return the probability of the whole path: a percentage, or a power of ten below 0.01%."""
    power = sum(step.likelihood.log_probability for step in path) / math.log(10)
    if not math.isfinite(power):
        return percentage(0.0)
    if power >= -4:
        return percentage(min(1.0, 10**power))
    exponent = math.floor(power + 0.02)  # 9.96 is written as 1.0 with the next exponent
    return f"{10 ** (power - exponent):.1f}e{exponent}"


def _others(shown: Sequence[TokenProbability]) -> float:
    return max(0.0, 1.0 - sum(candidate.probability for candidate in shown))


def _together(shown: Sequence[TokenProbability]) -> str:
    total = percentage(min(1.0, sum(candidate.probability for candidate in shown)))
    return f"1 candidate: {total}" if len(shown) == 1 else f"{len(shown)} candidates together: {total}"


def _after(prompt_end: str) -> str:
    return f"after “{end_of_prompt(prompt_end, _PROMPT)}”" if prompt_end else "after nothing"


def _draw_path(canvas: Canvas, path: Sequence[WalkStep]) -> int:
    """Draw the last steps with their probabilities below. Return the top of what follows."""
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
    if first:
        text = f"the last {len(boxes)} of {_steps(len(path))}"
        canvas.text(MARGIN, bottom + 22, text, size=SMALLEST, colour=MUTED)
        bottom += _CAPTION - 8
    return bottom + 8


def _draw_bar(canvas: Canvas, top: int, shown: Sequence[TokenProbability]) -> None:
    """Draw a segment for each candidate, with its text if there is room, and the hatched rest."""
    whole = max(1.0, sum(candidate.probability for candidate in shown))
    left, total = MARGIN, 0.0
    for candidate in shown:
        total += candidate.probability
        right = MARGIN + round(total / whole * (WIDTH - 2 * MARGIN))
        width = right - left - (_GAP if right - left > _THIN else 0)
        if width:
            colour = NEUTRAL if candidate is not shown[0] else ACCENT
            canvas.rectangle(left, top, width, _BAR, colour)
            _label(canvas, left, top, width, candidate, text_on(colour))
        left = right
    if left < WIDTH - MARGIN:
        canvas.rectangle(left, top, WIDTH - MARGIN - left, _BAR, NEUTRAL, hatched=True)


def _label(canvas: Canvas, left: int, top: int, width: int, candidate: TokenProbability, colour: str) -> None:
    text = box_text(candidate.token.text)
    for size in (SIZE, SMALLEST):
        if canvas.width_of(text, size=size) + 2 * PADDING <= width:
            canvas.text(left + width / 2, top + 34, text, size=size, colour=colour, align="center")
            return


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"


def _alt(prompt: str, shown: Sequence[TokenProbability], path: Sequence[WalkStep]) -> str:
    sentences = [f"Most probable next tokens {_after(prompt)}." if shown else f"A text {_after(prompt)}."]
    if path:
        last = ", ".join(
            f"{quoted_token(step.token.text)} {percentage(step.likelihood.probability)}" for step in path[-5:]
        )
        sentences.append(f"Path of {_steps(len(path))}, together {joint_probability(path)}; it ends with {last}.")
    if not shown:
        return " ".join([*sentences, ENDED])
    named = [
        f"{quoted_token(candidate.token.text)} {percentage(min(1.0, candidate.probability))}" for candidate in shown
    ]
    others = f"All others {percentage(_others(shown))}."
    while named:
        whole = " ".join([*sentences, f"Candidates: {', '.join(named)}.", others])
        if len(whole) <= ALT_LIMIT:
            return whole
        named.pop()
    return " ".join([*sentences, others])
