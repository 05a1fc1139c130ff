"""The picture of a diff: the text, coloured by how much more or less the second model is surprised."""

from collections.abc import Sequence

from bot.questions.diff import Diff, Part
from bot.rendering.escaping import visible_text
from bot.rendering.pictures.canvas import MARGIN, SMALLEST, WIDTH, Canvas
from bot.rendering.pictures.flow import PADDING, SIZE, Box, box_text, breaks_of, flow, more_text, quoted_token
from bot.rendering.pictures.palette import MUTED, NEUTRAL, diverging, text_on
from bot.rendering.pictures.picture import Picture, alt_list
from bot.rendering.pictures.words import LEAST_SCALE, SIGN, STRONG, draw_scale, draw_sign, signed_text

MOST_PARTS = 300
MOST_LINES = 40
MOST_SCALE = 4.0  # bits; one rare token would otherwise make all others pale
_TOP = 188  # of the first line
_LINE, _BOX = 46, 42  # from line to line, and height of a box
_BASELINE = 27  # of a box's text
_BESIDE = SIGN + 6  # width of a sign
_MARK, _THICK = 16, 4  # of the mark under a part with another most probable token
_SCALE, _KEY = 96, 52  # heights of the scale, and of each line of the key below it
_LOWEST = _TOP + (MOST_LINES + 1) * _LINE + _SCALE + 2 * _KEY
_NAMED = 3  # parts in each direction in the alt text


def diff_picture(diff: Diff) -> Picture:
    """Draw the tokens, or the common parts of different tokens, coloured by the difference of their bits.

    Amber parts surprise b more, green ones less, and the strong ones have a sign. A mark shows where the most probable
    tokens differ. The scale ends at the largest difference, but at least at `LEAST_SCALE` and at most at `MOST_SCALE`.
    At most `MOST_PARTS` parts and `MOST_LINES` lines are drawn, with a note of how many are missing. The figures are
    for the whole text.
    """
    canvas = Canvas(_LOWEST)
    canvas.heading(*_heading(diff))
    room = WIDTH - 2 * MARGIN
    for letter, name, y in zip("ab", _names(diff), (140, 170), strict=True):
        canvas.text(MARGIN, y, f"{letter}  {name}", size=SMALLEST, colour=MUTED, room=room)
    scale = min(MOST_SCALE, max([LEAST_SCALE, *(abs(part.difference or 0.0) for part in diff.measured)]))
    parts = diff.parts[:MOST_PARTS]
    boxes = _flow(canvas, parts, scale)
    for box, part in zip(boxes, parts, strict=False):
        _draw_part(canvas, box, _TOP + box.line * _LINE, part, scale)
    bottom = _TOP + (boxes[-1].line + 1 if boxes else 0) * _LINE
    left_out = len(diff.parts) - len(boxes)
    if left_out:
        canvas.text(MARGIN, bottom + _BASELINE, more_text(left_out, _what(diff)), colour=MUTED)
        bottom += _LINE
    draw_scale(canvas, bottom + 20, scale, "bits: b expects it more", "b is more surprised:", is_reversed=True)
    bottom = _draw_key(canvas, bottom + _SCALE, parts)
    canvas.end_at(bottom)
    return canvas.picture(_alt(diff, left_out))


def _names(diff: Diff) -> list[str]:
    return [" ".join(visible_text(name).split()) for name in diff.names]


def _heading(diff: Diff) -> tuple[str, str]:
    bits_a, bits_b = diff.bits_per_character
    count = len(diff.parts)
    counted = f"1 {_what(diff)}" if count == 1 else f"{count:,} {_what(diff)}s"
    return f"{bits_a:.3f} and {bits_b:.3f} bits per character", f"{counted}, coloured by b’s bits minus a’s"


def _what(diff: Diff) -> str:
    return "token" if diff.has_same_tokens else "part"


def _share(part: Part, scale: float) -> float:
    return (part.difference or 0.0) / scale


def _room(part: Part, scale: float) -> int:
    """Return the width of a part's sign, 0 if it has none."""
    return _BESIDE if abs(_share(part, scale)) >= STRONG else 0


def _flow(canvas: Canvas, parts: Sequence[Part], scale: float) -> list[Box]:
    texts = [part.text for part in parts]
    shown = [box_text(text) for text in texts]
    widths = [canvas.width_of(text, size=SIZE) + _room(part, scale) for text, part in zip(shown, parts, strict=True)]
    return flow(canvas, shown, MOST_LINES, breaks=breaks_of(texts), widths=widths, least=_MARK + 2 * PADDING)


def _draw_part(canvas: Canvas, box: Box, top: int, part: Part, scale: float) -> None:
    share = _share(part, scale)
    colour = NEUTRAL if part.difference is None else diverging(-share)
    letters = text_on(colour)
    canvas.rectangle(box.left, top, box.width, _BOX, colour)
    beside = _room(part, scale)
    if beside:
        draw_sign(canvas, box.left + PADDING, top + (_BOX - SIGN) // 2 - 2, letters, is_plus=share > 0)
    middle, room = box.left + (box.width + beside) / 2, box.width - 2 * PADDING - beside
    canvas.text(middle, top + _BASELINE, box.text, size=SIZE, colour=letters, align="center", room=room)
    if part.has_other_favourite:
        canvas.rectangle(box.left + (box.width - _MARK) // 2, top + _BOX - 7, _MARK, _THICK, letters)


def _draw_key(canvas: Canvas, top: int, parts: Sequence[Part]) -> int:
    """Draw what a mark and a grey part mean, if there are any, and return where the picture ends."""
    entries = []
    if any(part.has_other_favourite for part in parts):
        entries.append((diverging(0), True, "another most probable token"))
    if any(part.difference is None for part in parts):
        entries.append((NEUTRAL, False, "not measured"))
    left = MARGIN
    for colour, is_marked, name in entries:
        canvas.rectangle(left, top, _BOX, _BOX - 8, colour)
        if is_marked:
            canvas.rectangle(left + (_BOX - _MARK) // 2, top + _BOX - 15, _MARK, _THICK, text_on(colour))
        left = round(canvas.text(left + _BOX + 10, top + 25, name, size=SMALLEST, colour=MUTED).right) + 32
    return top + _KEY if entries else top


def _alt(diff: Diff, left_out: int) -> str:
    (title, detail), (name_a, name_b) = _heading(diff), (name[:100] for name in _names(diff))
    sentences = [f"A text under two models, a ({name_a}) and b ({name_b}). {title}; {detail}."]
    ranked = sorted(diff.measured, key=lambda part: part.difference or 0.0)
    for name, sign, parts in (("b is more surprised by", 1, ranked[::-1]), ("b expects more", -1, ranked)):
        strongest = [part for part in parts if sign * (part.difference or 0.0) > 0][:_NAMED]
        if strongest:
            sentences.append(f"{name} {', '.join(f'{_part_text(part)} bits' for part in strongest)}.")
    others = sum(part.has_other_favourite for part in diff.parts)
    if diff.has_same_tokens:
        sentences.append(f"Another most probable token in {others:,} of {len(diff.parts):,} places.")
    if left_out:
        sentences.append(f"Not in the picture: {left_out:,} more.")
    return alt_list(sentences, "Bits in order:", [_part_text(part) for part in diff.parts[:MOST_PARTS]])


def _part_text(part: Part) -> str:
    text = quoted_token(part.text)
    return text if part.difference is None else f"{text} {signed_text(part.difference)}"
