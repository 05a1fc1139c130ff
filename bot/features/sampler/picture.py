"""The picture of a sampler: the next-token distribution after each stage, and what each stage cut."""

from collections.abc import Sequence
from typing import NamedTuple

from bot.questions.sampler import Distribution, SamplerStage, SamplerStages
from bot.questions.tokens import Token
from bot.rendering.pictures.canvas import BOLD, MARGIN, SMALLEST, WIDTH, Canvas
from bot.rendering.pictures.flow import box_text, quoted_token
from bot.rendering.pictures.palette import ACCENT, GRID, MUTED, NEUTRAL, TEXT
from bot.rendering.pictures.picture import Picture
from bot.rendering.tables import percentage

MOST_TOKENS = 12
_NAMES = 136  # pixels for the tokens' texts
_TOP = 140  # of the columns
_ROWS = 70  # from there to the first row
_ROW, _BAR = 36, 20
_NUMBER = 68  # pixels for a percentage beside its bar
_SHORT = {"repetition_penalty": "penalty", "temperature": "temp.", "top_k": "top_k", "top_p": "top_p"}


class Cell(NamedTuple):
    """A token after one stage: its probability if known, an upper bound, and whether this stage cut it."""

    probability: float | None
    most: float
    is_cut: bool


def stages_picture(stages: SamplerStages) -> Picture:
    """Draw a column for each stage, in order, with bars for the most probable tokens. Cut tokens are grey and hatched.

    The bar of a cut token is its probability before the stage. A stage that is off repeats the column to its left.
    """
    tokens = _tokens(stages)
    canvas = Canvas(_TOP + _ROWS + MOST_TOKENS * _ROW + 150)
    canvas.heading(*_heading(stages))
    foot = _TOP + _ROWS + len(tokens) * _ROW
    for row, token in enumerate(tokens):
        baseline = _TOP + _ROWS + row * _ROW + 26
        canvas.text(MARGIN + _NAMES, baseline, box_text(token.text), size=SMALLEST, align="right", room=_NAMES)
    for line, name in enumerate(("tokens left", "entropy")):
        canvas.text(MARGIN + _NAMES, foot + 34 + 30 * line, name, size=SMALLEST, colour=MUTED, align="right")
    columns = [(None, stages.before), *((stage, stage.after) for stage in stages.stages)]
    width = (WIDTH - MARGIN - 8 - MARGIN - _NAMES) // len(columns)
    highest = max((entry.probability for _, after in columns for entry in after.top), default=1) or 1
    cut_ids: set[int] = set()
    before = stages.before
    for index, (stage, after) in enumerate(columns):
        left = MARGIN + _NAMES + 12 + index * width
        _draw_head(canvas, left, width - 10, stage)
        for row, token in enumerate(tokens):
            cell = _cell(token, before, stage, after)
            if token.id not in cut_ids:
                is_on = stage is None or stage.is_on
                _draw_cell(canvas, left, _TOP + _ROWS + row * _ROW, width, cell, highest, is_on=is_on)
            if cell.is_cut:
                cut_ids.add(token.id)
        _draw_foot(canvas, left, foot, width - 10, after)
        before = after
    bottom = foot + 110
    canvas.rectangle(MARGIN, bottom - 20, 40, _BAR, MUTED, hatched=True)
    canvas.text(MARGIN + 52, bottom, "cut here; the number is its probability before", size=SMALLEST, colour=MUTED)
    canvas.end_at(bottom + 28)
    return canvas.picture(_alt(stages))


def _tokens(stages: SamplerStages) -> list[Token]:
    """Return the most probable tokens before and after the stages, each once."""
    distributions = (stages.before, *(stage.after for stage in reversed(stages.stages)))
    tokens = {entry.token.id: entry.token for distribution in distributions for entry in distribution.top}
    return list(tokens.values())[:MOST_TOKENS]


def _cell(token: Token, before: Distribution, stage: SamplerStage | None, after: Distribution) -> Cell:
    for entry in after.top:
        if entry.token.id == token.id:
            return Cell(entry.probability, entry.probability, is_cut=False)
    least = after.top[-1].probability if after.top else 0.0
    if stage is None:
        return Cell(None, least, is_cut=False)
    earlier = next((entry.probability for entry in before.top if entry.token.id == token.id), None)
    cut = next((entry.probability for entry in stage.cut if entry.token.id == token.id), None)
    if cut is not None or after.tokens_left <= len(after.top):
        last = before.top[-1].probability if before.top else 0.0
        return Cell(cut if cut is not None else earlier, last, is_cut=True)
    return Cell(None, least, is_cut=False)


def _draw_head(canvas: Canvas, left: int, room: int, stage: SamplerStage | None) -> None:
    if stage is None:
        canvas.text(left, _TOP + 20, "before", size=SMALLEST, weight=BOLD, room=room)
    else:
        colour = TEXT if stage.is_on else MUTED
        canvas.text(left, _TOP + 20, _SHORT[stage.name], size=SMALLEST, colour=colour, weight=BOLD, room=room)
        canvas.text(left, _TOP + 50, _value(stage), size=SMALLEST, colour=MUTED, room=room)


def _value(stage: SamplerStage) -> str:
    return f"{stage.value:g}" if stage.is_on else "off"


def _draw_cell(canvas: Canvas, left: int, top: int, width: int, cell: Cell, highest: float, *, is_on: bool) -> None:
    """Draw a bar with its percentage. An unknown probability is shown as less than the smallest known one."""
    probability = cell.probability or 0.0
    length = round(min(1.0, probability / highest) * (width - _NUMBER - 14))
    if probability and not length:
        length = 2
    canvas.line([(left, top), (left, top + _ROW)], GRID)
    if length:
        colour = MUTED if cell.is_cut else ACCENT if is_on else NEUTRAL
        canvas.rectangle(left, top + (_ROW - _BAR) // 2, length, _BAR, colour, hatched=cell.is_cut)
    if cell.is_cut and not length:
        name = "cut"
    else:
        name = _short(cell.probability) if cell.probability is not None else f"<{_short(cell.most).lstrip('<')}"
    colour = MUTED if cell.is_cut or not is_on or cell.probability is None else TEXT
    canvas.text(left + length + 6, top + 26, name, size=SMALLEST, colour=colour, room=_NUMBER)


def _draw_foot(canvas: Canvas, left: int, top: int, room: int, after: Distribution) -> None:
    canvas.text(left, top + 34, f"{after.tokens_left:,}", size=SMALLEST, room=room)
    canvas.text(left, top + 64, f"{after.entropy:.2f} bits", size=SMALLEST, room=room)


def _short(probability: float) -> str:
    """Return a percentage in at most four characters."""
    if 0 < probability < 0.01:
        return "<1%"
    return f"{probability:.0%}"


def _heading(stages: SamplerStages) -> tuple[str, str]:
    last = stages.stages[-1].after if stages.stages else stages.before
    if last.tokens_left == stages.before.tokens_left:
        title = f"All {last.tokens_left:,} tokens left"
    else:
        title = f"{last.tokens_left:,} of {stages.before.tokens_left:,} tokens left"
    return title, f"{last.entropy:.2f} bits of entropy, {stages.before.entropy:.2f} before the sampler"


def _alt(stages: SamplerStages) -> str:
    title, detail = _heading(stages)
    sentences = [f"The next-token distribution after each stage of the sampler. {title}; {detail}."]
    sentences.append(f"Before: {_first(stages.before)}.")
    sentences.extend(_stage(stage) for stage in stages.stages)
    return " ".join(sentences)


def _stage(stage: SamplerStage) -> str:
    if not stage.is_on:
        return f"{stage.name}: off."
    cut = f"cut {stage.tokens_cut:,} with {percentage(stage.mass_cut)}" if stage.tokens_cut else "cut none"
    after = stage.after
    return (
        f"{stage.name} {stage.value:g}: {cut}, {after.tokens_left:,} left, {after.entropy:.2f} bits: {_first(after)}."
    )


def _first(distribution: Distribution) -> str:
    named: Sequence[str] = [
        f"{quoted_token(entry.token.text)} {percentage(entry.probability)}" for entry in distribution.top[:3]
    ]
    return ", ".join(named) or "nothing"
