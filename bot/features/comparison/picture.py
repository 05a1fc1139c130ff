"""The picture of a beam search: which beams were kept, which were pruned, and the winning path."""

from typing import NamedTuple

from bot.questions.comparison import BeamCandidate, BeamStep, BeamTree, Comparison
from bot.rendering.pictures.canvas import MARGIN, SMALLEST, WIDTH, Canvas
from bot.rendering.pictures.flow import box_text, end_of_prompt, quoted_token
from bot.rendering.pictures.palette import BACKGROUND, GRID, KEPT, MUTED, NEUTRAL, PRUNED, TEXT, text_on
from bot.rendering.pictures.picture import Picture, alt_list

STEPS_IN_A_BAND = 5  # bands follow one below the other, like lines of text
MOST_PRUNED = 2  # named in each step; the others are only counted
_TALLEST = 1500  # pixels for all bands together
_TOP = 144
_LEAD, _PITCH, _NODE = 28, 132, 110  # before the first step, from step to step, and width of a node
_ROW, _BOX = 40, 34
_BETWEEN = 34  # from band to band
_KEY = 60
_ALT_END = 80  # characters of the prompt in the alt text


class Node(NamedTuple):
    """A drawn candidate: its line in the band, counted from the top, and whether it is on the winning path."""

    candidate: BeamCandidate
    line: int
    is_winner: bool


def beam_tree_picture(comparison: Comparison) -> Picture:
    """Draw the steps of the beam search from left to right, in bands of `STEPS_IN_A_BAND`, as many as fit.

    There is room for 10 steps with ten beams and 20 with five. Kept candidates are boxes, finished ones frames, and
    pruned ones small rings. The best `MOST_PRUNED` pruned ones are named. The scores so far are on the right.
    """
    tree = comparison.tree
    is_more = any(len(step.candidates) > tree.num_beams + MOST_PRUNED for step in tree.steps)
    height = (tree.num_beams + MOST_PRUNED + is_more) * _ROW
    bands = max(1, min(-(-len(tree.steps) // STEPS_IN_A_BAND), _TALLEST // (height + _BETWEEN)))
    steps = tree.steps[: bands * STEPS_IN_A_BAND]
    canvas = Canvas(_TOP + bands * (height + _BETWEEN) + 2 * _KEY)
    canvas.heading(*_heading(comparison))
    before: list[Node] = []
    for number, step in enumerate(steps):
        band, column = divmod(number, STEPS_IN_A_BAND)
        top = _TOP + band * (height + _BETWEEN)
        nodes = _nodes(tree, number)
        _draw_step(canvas, top, column, step, nodes, before, tree.num_beams, is_first=not number)
        if column == STEPS_IN_A_BAND - 1 or step is steps[-1]:
            _draw_scores(canvas, top, column, nodes)
        before = nodes
    bottom = _TOP + bands * (height + _BETWEEN)
    if len(steps) < len(tree.steps):
        left_out = len(tree.steps) - len(steps)
        canvas.text(MARGIN, bottom, f"… {left_out} more step{'' if left_out == 1 else 's'}", colour=MUTED)
        bottom += 36
    _draw_key(canvas, bottom)
    canvas.end_at(bottom + _KEY)
    return canvas.picture(_alt(comparison, len(steps)))


def _nodes(tree: BeamTree, number: int) -> list[Node]:
    """Return the candidates to draw: kept ones in their rows, finished ones in free rows, the best pruned ones below.

    The winner comes first among the finished ones.
    """
    candidates = tree.steps[number].candidates
    winner = candidates[tree.winner[number]] if number < len(tree.winner) else None
    nodes = {
        candidate.row: Node(candidate, candidate.row, candidate is winner)
        for candidate in candidates
        if candidate.row is not None
    }
    free = [line for line in range(tree.num_beams + MOST_PRUNED) if line not in nodes]
    finished = sorted(
        (candidate for candidate in candidates if candidate.fate == "finished"),
        key=lambda candidate: candidate is not winner,
    )
    for candidate in finished[: len(free)]:
        line = free.pop(0)
        nodes[line] = Node(candidate, line, candidate is winner)
    below = [line for line in free if line >= tree.num_beams]
    pruned = [candidate for candidate in candidates if candidate.fate == "pruned"]
    for line, candidate in zip(below, pruned, strict=False):
        nodes[line] = Node(candidate, line, is_winner=False)
    return list(nodes.values())


def _draw_step(
    canvas: Canvas,
    top: int,
    column: int,
    step: BeamStep,
    nodes: list[Node],
    before: list[Node],
    num_beams: int,
    *,
    is_first: bool,
) -> None:
    left = MARGIN + _LEAD + column * _PITCH
    parents = {node.candidate.row: node for node in before if node.candidate.row is not None}
    start = left - (_LEAD if not column else _PITCH - _NODE)
    for node in sorted(nodes, key=lambda node: (node.is_winner, node.candidate.fate != "pruned")):
        is_pruned = node.candidate.fate == "pruned"
        parent = parents.get(node.candidate.parent)
        line = num_beams // 2 if is_first or parent is None else parent.line
        end = left + (8 if is_pruned else 0)
        colour, width = (KEPT, 4) if node.is_winner else (PRUNED, 1 if is_pruned else 2)
        canvas.line([(start, _middle(top, line)), (end, _middle(top, node.line))], colour, width=width)
    if is_first:
        canvas.marks([(start, _middle(top, num_beams // 2))], KEPT, size=12)
    for node in nodes:
        _draw_node(canvas, left, top + node.line * _ROW, node)
    more = len(step.candidates) - len(nodes)
    if more > 0:
        baseline = top + (num_beams + MOST_PRUNED) * _ROW + 24
        canvas.text(left + 18, baseline, f"+{more:,}", size=SMALLEST, colour=MUTED)


def _draw_node(canvas: Canvas, left: int, top: int, node: Node) -> None:
    text, baseline = box_text(node.candidate.token.text), top + 27
    if node.candidate.fate == "pruned":
        canvas.marks([(left + 8, top + _ROW // 2)], PRUNED, size=8, hollow=True)
        canvas.text(left + 18, baseline, text, size=SMALLEST, colour=MUTED, room=_NODE - 18)
        return
    edge = (_ROW - _BOX) // 2
    fill = KEPT if node.is_winner else GRID
    if node.candidate.fate == "finished":
        canvas.rectangle(left, top + edge, _NODE, _BOX, KEPT if node.is_winner else MUTED)
        fill = KEPT if node.is_winner else BACKGROUND
        canvas.rectangle(left + 3, top + edge + 3, _NODE - 6, _BOX - 6, fill)
    else:
        canvas.rectangle(left, top + edge, _NODE, _BOX, fill)
    colour = text_on(KEPT) if node.is_winner else TEXT
    canvas.text(left + _NODE / 2, baseline, text, size=SMALLEST, colour=colour, align="center", room=_NODE - 8)


def _draw_scores(canvas: Canvas, top: int, column: int, nodes: list[Node]) -> None:
    left = MARGIN + _LEAD + column * _PITCH + _NODE + 10
    for node in nodes:
        if node.candidate.fate != "pruned":
            colour = KEPT if node.is_winner else MUTED
            baseline, score = top + node.line * _ROW + 27, _score(node.candidate.score)
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
    """Return the sum of the log-probabilities so far in at most seven characters."""
    return f"{score:.2f}".replace("-", "−") if score > -100 else f"{score:.0f}".replace("-", "−")


def _heading(comparison: Comparison) -> tuple[str, str]:
    tree = comparison.tree
    count = len(tree.winner)
    steps = "1 step" if len(tree.steps) == 1 else f"{len(tree.steps)} steps"
    won = "1 token" if count == 1 else f"{count} tokens"
    if not count:
        return "No beam won", f"{tree.num_beams} beams, {steps}"
    score = _winner(tree)[-1].score
    return (
        f"The winner: {won}, score {_score(score)}",
        f"{tree.num_beams} beams, {steps}; a score is a sum of log-probabilities",
    )


def _winner(tree: BeamTree) -> list[BeamCandidate]:
    return [step.candidates[index] for step, index in zip(tree.steps, tree.winner, strict=False)]


def _alt(comparison: Comparison, drawn_steps: int) -> str:
    tree = comparison.tree
    title, detail = _heading(comparison)
    candidates = [candidate for step in tree.steps for candidate in step.candidates]
    counts = ", ".join(
        f"{sum(candidate.fate == fate for candidate in candidates):,} {fate}" for fate in ("kept", "pruned", "finished")
    )
    sentences = [
        f"Beam tree after “{end_of_prompt(comparison.prompt, _ALT_END)}”. {title}. {detail}.",
        f"Of all candidates: {counts}.",
    ]
    if drawn_steps < len(tree.steps):
        sentences.append(f"The picture shows the first {drawn_steps} steps.")
    named = [f"{quoted_token(candidate.token.text)} {_score(candidate.score)}" for candidate in _winner(tree)]
    return alt_list(sentences, "Winning path with scores:", named)
