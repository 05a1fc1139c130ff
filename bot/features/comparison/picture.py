"""The picture of a beam search: which beams ran on, which were pruned, and the path that won."""

from typing import NamedTuple

from bot.questions.comparison import BeamCandidate, BeamStep, BeamTree, Comparison
from bot.rendering.pictures.canvas import MARGIN, SMALLEST, WIDTH, Canvas
from bot.rendering.pictures.flow import quoted, shown
from bot.rendering.pictures.palette import BACKGROUND, GRID, KEPT, MUTED, NEUTRAL, PRUNED, TEXT, text_on
from bot.rendering.pictures.picture import ALT_LIMIT, Picture

STEPS_IN_A_BAND = 5  # of which there is one below the other, as the lines of a text
MOST_PRUNED = 2  # of each step that are named; how many more there are is told
_TALLEST = 1500  # pixels for all bands together
_TOP = 144
_LEAD, _PITCH, _NODE = 28, 132, 110  # before the first step, from step to step, and width of a node
_ROW, _BOX = 40, 34
_BETWEEN = 34  # from band to band
_KEY = 60


class Place(NamedTuple):
    """Where a candidate stands: its line in the band, from the top."""

    candidate: BeamCandidate
    line: int
    is_winner: bool


def beam_tree_picture(comparison: Comparison) -> Picture:
    """Draw the steps of the beam search from left to right, and on in the next band, as many as fit.

    Ten beams have room for 10 steps, five for 20. What runs on is a box, what finished a frame, what was pruned a
    small ring; of these the best `MOST_PRUNED` are named. At the right stand the scores so far.
    """
    tree = comparison.tree
    is_more = any(len(step.candidates) > tree.num_beams + MOST_PRUNED for step in tree.steps)
    height = (tree.num_beams + MOST_PRUNED + is_more) * _ROW
    bands = max(1, min(-(-len(tree.steps) // STEPS_IN_A_BAND), _TALLEST // (height + _BETWEEN)))
    steps = tree.steps[: bands * STEPS_IN_A_BAND]
    canvas = Canvas(_TOP + bands * (height + _BETWEEN) + 2 * _KEY)
    canvas.heading(*_heading(comparison))
    before: list[Place] = []
    for number, step in enumerate(steps):
        band, column = divmod(number, STEPS_IN_A_BAND)
        top = _TOP + band * (height + _BETWEEN)
        places = _places(tree, number)
        _draw_step(canvas, top, column, step, places, before, tree.num_beams, is_first=not number)
        if column == STEPS_IN_A_BAND - 1 or step is steps[-1]:
            _draw_scores(canvas, top, column, places)
        before = places
    bottom = _TOP + bands * (height + _BETWEEN)
    if len(steps) < len(tree.steps):
        left_out = len(tree.steps) - len(steps)
        canvas.text(MARGIN, bottom, f"… {left_out} more step{'' if left_out == 1 else 's'}", colour=MUTED)
        bottom += 36
    _draw_key(canvas, bottom)
    canvas.end_at(bottom + _KEY)
    return canvas.picture(_alt(comparison, len(steps)))


def _places(tree: BeamTree, number: int) -> list[Place]:
    """Return the candidates of a step that are drawn: those kept in their rows, then the winner, finished and pruned.

    What finished fills the rows in which nothing runs on, as after the last step; the best pruned ones stand below.
    """
    candidates = tree.steps[number].candidates
    winner = candidates[tree.winner[number]] if number < len(tree.winner) else None
    places = {one.row: Place(one, one.row, one is winner) for one in candidates if one.row is not None}
    free = [line for line in range(tree.num_beams + MOST_PRUNED) if line not in places]
    finished = sorted((one for one in candidates if one.fate == "finished"), key=lambda one: one is not winner)
    for one in finished[: len(free)]:
        line = free.pop(0)
        places[line] = Place(one, line, one is winner)
    below = [line for line in free if line >= tree.num_beams]
    pruned = [one for one in candidates if one.fate == "pruned"]
    for line, one in zip(below, pruned, strict=False):
        places[line] = Place(one, line, is_winner=False)
    return list(places.values())


def _draw_step(
    canvas: Canvas,
    top: int,
    column: int,
    step: BeamStep,
    places: list[Place],
    before: list[Place],
    num_beams: int,
    *,
    is_first: bool,
) -> None:
    left = MARGIN + _LEAD + column * _PITCH
    parents = {place.candidate.row: place for place in before if place.candidate.row is not None}
    start = left - (_LEAD if not column else _PITCH - _NODE)
    for place in sorted(places, key=lambda one: (one.is_winner, one.candidate.fate != "pruned")):
        is_pruned = place.candidate.fate == "pruned"
        parent = parents.get(place.candidate.parent)
        line = num_beams // 2 if is_first or parent is None else parent.line
        end = left + (8 if is_pruned else 0)
        colour, width = (KEPT, 4) if place.is_winner else (PRUNED, 1 if is_pruned else 2)
        canvas.line([(start, _middle(top, line)), (end, _middle(top, place.line))], colour, width=width)
    if is_first:
        canvas.marks([(start, _middle(top, num_beams // 2))], KEPT, size=12)
    for place in places:
        _draw_node(canvas, left, top + place.line * _ROW, place)
    more = len(step.candidates) - len(places)
    if more > 0:
        baseline = top + (num_beams + MOST_PRUNED) * _ROW + 24
        canvas.text(left + 18, baseline, f"+{more:,}", size=SMALLEST, colour=MUTED)


def _draw_node(canvas: Canvas, left: int, top: int, place: Place) -> None:
    text, baseline = shown(place.candidate.token.text), top + 27
    if place.candidate.fate == "pruned":
        canvas.marks([(left + 8, top + _ROW // 2)], PRUNED, size=8, hollow=True)
        canvas.text(left + 18, baseline, text, size=SMALLEST, colour=MUTED, room=_NODE - 18)
        return
    edge = (_ROW - _BOX) // 2
    fill = KEPT if place.is_winner else GRID
    if place.candidate.fate == "finished":
        canvas.rectangle(left, top + edge, _NODE, _BOX, KEPT if place.is_winner else MUTED)
        fill = KEPT if place.is_winner else BACKGROUND
        canvas.rectangle(left + 3, top + edge + 3, _NODE - 6, _BOX - 6, fill)
    else:
        canvas.rectangle(left, top + edge, _NODE, _BOX, fill)
    colour = text_on(KEPT) if place.is_winner else TEXT
    canvas.text(left + _NODE / 2, baseline, text, size=SMALLEST, colour=colour, align="center", room=_NODE - 8)


def _draw_scores(canvas: Canvas, top: int, column: int, places: list[Place]) -> None:
    left = MARGIN + _LEAD + column * _PITCH + _NODE + 10
    for place in places:
        if place.candidate.fate != "pruned":
            colour = KEPT if place.is_winner else MUTED
            baseline, score = top + place.line * _ROW + 27, _score(place.candidate.score)
            canvas.text(left, baseline, score, size=SMALLEST, colour=colour, room=WIDTH - 8 - left)


def _draw_key(canvas: Canvas, top: int) -> None:
    left = MARGIN
    for name, edge, fill in (("winner", KEPT, KEPT), ("kept", GRID, GRID), ("finished", MUTED, BACKGROUND)):
        canvas.rectangle(left, top, 36, 24, edge)
        canvas.rectangle(left + 3, top + 3, 30, 18, fill)
        left = round(canvas.text(left + 46, top + 20, name, size=SMALLEST, colour=MUTED).right) + 26
    canvas.marks([(left + 6, top + 12)], NEUTRAL, size=8, hollow=True)
    canvas.text(left + 20, top + 20, "pruned    −1.23 score", size=SMALLEST, colour=MUTED)


def _middle(top: int, line: int) -> float:
    return top + line * _ROW + _ROW / 2


def _score(score: float) -> str:
    """Return the sum of the log-probabilities so far, in the few characters that there is room for."""
    return f"{score:.2f}".replace("-", "−") if score > -100 else f"{score:.0f}".replace("-", "−")


def _heading(comparison: Comparison) -> tuple[str, str]:
    tree = comparison.tree
    count = len(tree.winner)
    steps = "1 step" if len(tree.steps) == 1 else f"{len(tree.steps)} steps"
    won = "a token" if count == 1 else f"{count} tokens"
    if not count:
        return "No beam won", f"{tree.num_beams} beams, {steps}"
    score = _winner(tree)[-1].score
    return (
        f"The winner: {won}, score {_score(score)}",
        f"{tree.num_beams} beams, {steps}; a score adds up log-probabilities",
    )


def _winner(tree: BeamTree) -> list[BeamCandidate]:
    return [step.candidates[place] for step, place in zip(tree.steps, tree.winner, strict=False)]


def _alt(comparison: Comparison, drawn: int) -> str:
    tree = comparison.tree
    title, detail = _heading(comparison)
    candidates = [one for step in tree.steps for one in step.candidates]
    counts = ", ".join(
        f"{sum(one.fate == fate for one in candidates):,} {fate}" for fate in ("kept", "pruned", "finished")
    )
    told = [f"Beam tree after {quoted(comparison.prompt)}. {title}: {detail}.", f"Of all candidates: {counts}."]
    if drawn < len(tree.steps):
        told.append(f"The picture shows the first {drawn} steps.")
    named = [f"{quoted(one.token.text)} {_score(one.score)}" for one in _winner(tree)]
    whole = " ".join([*told, f"Winning path with scores: {', '.join(named)}."]) if named else " ".join(told)
    while len(whole) > ALT_LIMIT:
        named.pop()
        whole = " ".join([*told, f"Winning path with scores: {', '.join(named)}, …"])
    return whole
