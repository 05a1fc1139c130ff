"""The picture of a sampler: the next-token distribution after each stage, what each cut, and other temperatures."""

from collections.abc import Sequence
from typing import NamedTuple

from bot.features.sampler.text import shown_tokens
from bot.questions.sampler import Distribution, SamplerStage, SamplerStages
from bot.questions.tokens import Token
from bot.rendering.pictures.canvas import BOLD, MARGIN, SMALLEST, WIDTH, Canvas
from bot.rendering.pictures.flow import box_text, quoted_token
from bot.rendering.pictures.palette import ACCENT, GRID, MUTED, NEUTRAL, TEXT
from bot.rendering.pictures.picture import ALT_LIMIT, Picture
from bot.rendering.pictures.plot import Plot
from bot.rendering.tables import percentage

MOST_TOKENS = 7
MOST_COLUMNS = 7
_AS_BEFORE = 5  # columns up to which stages that are off have a column too
_NAMES = 136  # pixels for the tokens' texts
_TOP = 124  # of the columns
_ROWS = 64  # from there to the first row
_ROW, _BAR = 32, 18
_FOOT = 74  # height of the two lines below the columns
_SWEEP = (56, 92, 36)  # pixels above a plot of the sweep, its height, and pixels below it
# Names of columns, and shorter ones for narrow columns.
_SHORT = {
    "before": ("before", "start"),
    "repetition_penalty": ("penalty", "pen."), "no_repeat_ngram_size": ("n-gram", "n-gr."),
    "temperature": ("temp.", "temp."), "typical_p": ("typical", "typ."), "epsilon_cutoff": ("epsilon", "eps."),
    "eta_cutoff": ("eta", "eta"),
}  # fmt: skip


class Cell(NamedTuple):
    """A token after one stage: its probability if known, an upper bound, and whether this stage cut it."""

    probability: float | None
    most: float
    is_cut: bool


def stages_picture(stages: SamplerStages) -> Picture:
    """Draw a column for each stage, in order, with bars for the most probable tokens, and the temperature sweep.

    Cut tokens are grey and hatched, with a bar for their probability before the stage. A stage that is off repeats the
    column to its left, or has none where more than 5 columns are needed. Of more than 7 columns, those of the stages
    that cut least are left out.
    """
    tokens = shown_tokens(stages, MOST_TOKENS)
    canvas = Canvas(_TOP + _ROWS + len(tokens) * _ROW + _FOOT + sum(_SWEEP))
    canvas.heading(*_heading(stages))
    foot = _TOP + _ROWS + len(tokens) * _ROW
    _draw_names(canvas, tokens, foot)
    columns: list[tuple[Distribution, SamplerStage | None]] = [(stages.before, None), *stages.with_before()]
    drawn = _drawn_columns(stages)
    width = (WIDTH - MARGIN - 8 - MARGIN - _NAMES) // len(drawn)
    highest = max((entry.probability for _, after in _distributions(stages) for entry in after.top), default=1) or 1
    number = canvas.width_of("100%" if highest > 0.994 else "99%", size=SMALLEST) + 10
    cut_ids: set[int] = set()
    for index, (before, stage) in enumerate(columns):
        after = stages.before if stage is None else stage.after
        cells = [_cell(token, before, stage, after) for token in tokens]
        if index in drawn:
            left = MARGIN + _NAMES + 12 + drawn.index(index) * width
            _draw_head(canvas, left, width - 10, stage)
            for row, (token, cell) in enumerate(zip(tokens, cells, strict=True)):
                if token.id not in cut_ids:
                    is_on = stage is None or stage.is_on
                    top = _TOP + _ROWS + row * _ROW
                    _draw_cell(canvas, left, top, width - number - 4, cell, highest, is_on=is_on)
            _draw_foot(canvas, left, foot, width - 10, after)
        cut_ids |= {token.id for token, cell in zip(tokens, cells, strict=True) if cell.is_cut}
    _draw_sweep(canvas, stages, foot + _FOOT)
    return canvas.picture(_alt(stages))


def _draw_names(canvas: Canvas, tokens: Sequence[Token], foot: int) -> None:
    """Write the tokens, the names of the two lines below, and the key of cut tokens beside the columns' heads."""
    right = MARGIN + _NAMES
    for row, token in enumerate(tokens):
        baseline = _TOP + _ROWS + row * _ROW + 24
        canvas.text(right, baseline, box_text(token.text), size=SMALLEST, align="right", room=_NAMES)
    for line, name in enumerate(("tokens left", "bits")):
        canvas.text(right, foot + 32 + 28 * line, name, size=SMALLEST, colour=MUTED, align="right")
    key = canvas.text(right, _TOP + 48, "cut here", size=SMALLEST, colour=MUTED, align="right")
    canvas.rectangle(round(key.left) - 36, _TOP + 48 - _BAR + 1, 26, _BAR, MUTED, hatched=True)


def _drawn_columns(stages: SamplerStages) -> list[int]:
    """Return the numbers of the columns to draw; 0 is the distribution before the stages."""
    numbers = list(range(1, len(stages.stages) + 1))
    if len(numbers) >= _AS_BEFORE:
        numbers = [number for number in numbers if stages.stages[number - 1].is_on]
    while len(numbers) >= MOST_COLUMNS:
        numbers.remove(min(numbers, key=lambda number: _importance(stages.stages[number - 1])))
    return [0, *numbers]


def _importance(stage: SamplerStage) -> float:
    return 1.0 if stage.name in ("repetition_penalty", "temperature") else stage.mass_cut


def _distributions(stages: SamplerStages) -> list[tuple[SamplerStage | None, Distribution]]:
    return [(None, stages.before), *((stage, stage.after) for stage in stages.stages)]


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
        canvas.text(left, _TOP + 20, _name(canvas, "before", room), size=SMALLEST, weight=BOLD, room=room)
    else:
        name, colour = _name(canvas, stage.name, room), TEXT if stage.is_on else MUTED
        canvas.text(left, _TOP + 20, name, size=SMALLEST, colour=colour, weight=BOLD, room=room)
        canvas.text(left, _TOP + 48, _value(stage), size=SMALLEST, colour=MUTED, room=room)


def _name(canvas: Canvas, name: str, room: int) -> str:
    whole, short = _SHORT.get(name, (name, name))
    return whole if canvas.width_of(whole, size=SMALLEST, weight=BOLD) <= room else short


def _value(stage: SamplerStage) -> str:
    return f"{stage.value:g}" if stage.is_on else "off"


def _draw_cell(canvas: Canvas, left: int, top: int, room: float, cell: Cell, highest: float, *, is_on: bool) -> None:
    """Draw a bar of at most `room` pixels with its percentage. An unknown one is less than the smallest known one."""
    probability = cell.probability or 0.0
    length = round(min(1.0, probability / highest) * max(2.0, room))
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
    canvas.text(left + length + 5, top + 24, name, size=SMALLEST, colour=colour)


def _draw_foot(canvas: Canvas, left: int, top: int, room: int, after: Distribution) -> None:
    canvas.text(left, top + 32, _count(canvas, after.tokens_left, room), size=SMALLEST, room=room)
    canvas.text(left, top + 60, f"{after.entropy:.2f}", size=SMALLEST, room=room)


def _count(canvas: Canvas, count: int, room: float) -> str:
    """Return a count, or thousands where it doesn't fit."""
    whole = f"{count:,}"
    return whole if canvas.width_of(whole, size=SMALLEST) <= room else f"{count / 1000:,.0f}k"


def _draw_sweep(canvas: Canvas, stages: SamplerStages, top: int) -> None:
    """Draw two plots over the temperature: the entropy, and the tokens left after the later stages."""
    sweep = stages.temperature_sweep
    chosen = next((stage for stage in stages.stages if stage.name == "temperature"), None)
    above, height, _ = _SWEEP
    half = (WIDTH - 2 * MARGIN) // 2
    entropy = chosen.after.entropy if chosen is not None else 0.0
    curves = (
        ("entropy by temperature, bits", [point.entropy for point in sweep], entropy),
        ("tokens left by temperature", [float(point.tokens_left) for point in sweep], float(stages.after.tokens_left)),
    )
    for number, (title, values, now) in enumerate(curves):
        left = MARGIN + number * half
        highest = max(values, default=0) or 1
        plot = Plot(canvas, left + 80, top + above, left + half - 24, top + above + height, highest)
        canvas.text(left + 8, top + 24, title, size=SMALLEST, colour=MUTED)
        canvas.line([(plot.left, plot.bottom), (plot.right, plot.bottom)], GRID)
        name = f"{highest:.1f}" if number == 0 else _count(canvas, round(highest), 70)
        canvas.text(plot.left - 10, plot.top + 8, name, size=SMALLEST, colour=MUTED, align="right", room=70)
        canvas.text(plot.left - 10, plot.bottom + 8, "0", size=SMALLEST, colour=MUTED, align="right")
        for temperature in (0.1, 1, 2):
            x = plot.x(_share(temperature))
            canvas.text(x, plot.bottom + 28, f"{temperature:g}", size=SMALLEST, colour=MUTED, align="center")
        points = [
            (plot.x(_share(point.temperature)), plot.y(value)) for point, value in zip(sweep, values, strict=True)
        ]
        canvas.line(points, ACCENT, width=4)
        if chosen is not None and 0 <= _share(chosen.value) <= 1:
            x = plot.x(_share(chosen.value))
            canvas.line([(x, plot.top), (x, plot.bottom)], MUTED)
            canvas.marks([(x, plot.y(now))], TEXT, size=14)


def _share(temperature: float) -> float:
    """Return where a temperature is between the ends of the sweep, from 0 to 1."""
    return (temperature - 0.1) / 1.9


def _short(probability: float) -> str:
    """Return a percentage in at most four characters."""
    if 0 < probability < 0.01:
        return "<1%"
    return f"{probability:.0%}"


def _heading(stages: SamplerStages) -> tuple[str, str]:
    last = stages.after
    if last.tokens_left == stages.before.tokens_left:
        title = f"All {last.tokens_left:,} tokens left"
    else:
        title = f"{last.tokens_left:,} of {stages.before.tokens_left:,} tokens left"
    return title, f"{last.entropy:.2f} bits of entropy, {stages.before.entropy:.2f} before the sampler"


def _alt(stages: SamplerStages) -> str:
    """Return the figures. Where they are too long, without the tokens, and at last without the stages."""
    title, detail = _heading(stages)
    beginning = f"The next-token distribution after each stage of the sampler. {title}; {detail}."
    sweep = _sweep_text(stages)
    ways: tuple[list[str], ...] = (
        [f"Before: {_first(stages.before)}.", *(_stage(stage, with_tokens=True) for stage in stages.stages)],
        [_stage(stage, with_tokens=False) for stage in stages.stages],
        [],
    )
    wholes = (" ".join([beginning, *way, sweep]).strip() for way in ways)
    return next(whole for whole in wholes if len(whole) <= ALT_LIMIT)


def _sweep_text(stages: SamplerStages) -> str:
    at = [
        f"{point.temperature:g} {point.entropy:.2f} bits, {point.tokens_left:,} left"
        for point in stages.temperature_sweep
        if point.temperature in (0.1, 0.5, 1, 1.5, 2)
    ]
    return f"By temperature: {'; '.join(at)}." if at else ""


def _stage(stage: SamplerStage, *, with_tokens: bool) -> str:
    if not stage.is_on:
        return f"{stage.name}: off."
    cut = f"cut {stage.tokens_cut:,} with {percentage(stage.mass_cut)}" if stage.tokens_cut else "cut none"
    after = stage.after
    tokens = f": {_first(after)}" if with_tokens else ""
    return f"{stage.name} {stage.value:g}: {cut}, {after.tokens_left:,} left, {after.entropy:.2f} bits{tokens}."


def _first(distribution: Distribution) -> str:
    named: Sequence[str] = [
        f"{quoted_token(entry.token.text)} {percentage(entry.probability)}" for entry in distribution.top[:3]
    ]
    return ", ".join(named) or "nothing"
