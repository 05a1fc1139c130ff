"""The picture of left-out words: the text with each word coloured by its effect."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bot.questions.evidence import WordEvidence
from bot.rendering.pictures.canvas import MARGIN, SMALLEST, WIDTH, Canvas
from bot.rendering.pictures.flow import PADDING, SIZE, Box, box_text, flow, more_text, quoted_token
from bot.rendering.pictures.palette import MUTED, NEGATIVE, POSITIVE, diverging, text_on
from bot.rendering.pictures.picture import Picture, alt_list

MOST_WORDS = 300
MOST_LINES = 30
LEAST_SCALE = 0.5  # the smallest end of the scale, so that a review without strong words stays pale
STRONG = 0.5  # of the scale; from here on, a word also gets a sign, which is visible without colour
_TOP = 144
_LINE, _BOX = 46, 40
_BASELINE = 28
SIGN = 14  # width and height of a sign
_BESIDE = SIGN + 6
_KEY = 120
_STEPS = 65  # of the scale; odd, so that one of them is 0
_LOWEST = _TOP + (MOST_LINES + 1) * _LINE + _KEY
_NAMED = 3  # words of each sign in the alt text


@dataclass(frozen=True, slots=True)
class WordEffects:
    """What the picture shows: the words of `text` with their effects, `words_together` of them left out at a time.

    `title` heads the picture, and `summary` begins its alt text. `above` and `below` say what effects above and below 0
    count for, such as "for positive". `what` names the text, and `affected` what the words have an effect on, in each
    case with "the" before it.
    """

    text: str
    words: Sequence[WordEvidence]
    words_together: int
    title: str
    summary: str
    above: str
    below: str
    what: str = "text"
    affected: str = "verdict"


class Word(NamedTuple):
    """A word and the effect of its whole group."""

    text: str
    effect: float
    begins_line: bool


def words_picture(effects: WordEffects) -> Picture:
    """Draw the words, coloured by effect, strong ones with + or −.

    The scale ends at the strongest effect, or at `LEAST_SCALE` if that is larger. Words left out together have the same
    colour. At most `MOST_WORDS` words and `MOST_LINES` lines are drawn, with a note of how many are missing.
    """
    words = _words(effects)
    scale = max([LEAST_SCALE, *(abs(word.effect) for word in words if math.isfinite(word.effect))])
    canvas = Canvas(_LOWEST)
    canvas.heading(effects.title, _detail(effects))
    drawn_words = words[:MOST_WORDS]
    texts = [box_text(word.text) for word in drawn_words]
    widths = [
        canvas.width_of(text, size=SIZE) + _room(word, scale) for text, word in zip(texts, drawn_words, strict=True)
    ]
    breaks = {index for index, word in enumerate(drawn_words) if word.begins_line}
    boxes = flow(canvas, texts, MOST_LINES, breaks=breaks, gap=4, widths=widths)
    for box, word in zip(boxes, drawn_words, strict=False):
        _draw_word(canvas, box, _TOP + box.line * _LINE, word, scale)
    bottom = _TOP + (boxes[-1].line + 1 if boxes else 0) * _LINE
    left_out = len(words) - len(boxes)
    if left_out:
        canvas.text(MARGIN, bottom + _BASELINE, more_text(left_out, "word"), colour=MUTED)
        bottom += _LINE
    draw_scale(canvas, bottom + 20, scale, effects.below, effects.above)
    canvas.end_at(bottom + _KEY)
    return canvas.picture(_alt(effects, left_out))


def _words(effects: WordEffects) -> list[Word]:
    """Return each word with its group's effect. Lines of the text begin new lines in the picture."""
    end = 0
    words: list[Word] = []
    for group in effects.words:
        for index, text in enumerate(group.text.split()):
            words.append(Word(text, group.effect, not index and "\n" in effects.text[end : group.start]))
        end = group.end
    return words


def _share(word: Word, scale: float) -> float:
    return 0.0 if math.isnan(word.effect) else word.effect / scale


def _room(word: Word, scale: float) -> int:
    """Return the width of a word's sign, 0 if it has none."""
    return _BESIDE if abs(_share(word, scale)) >= STRONG else 0


def _draw_word(canvas: Canvas, box: Box, top: int, word: Word, scale: float) -> None:
    share = _share(word, scale)
    colour = diverging(share)
    letters = text_on(colour)
    canvas.rectangle(box.left, top, box.width, _BOX, colour)
    beside = _room(word, scale)
    if beside:
        draw_sign(canvas, box.left + PADDING, top + (_BOX - SIGN) // 2, letters, is_plus=share > 0)
    left, room = box.left + PADDING + beside, box.width - 2 * PADDING - beside
    canvas.text(left, top + _BASELINE, box.text, size=SIZE, colour=letters, room=room)


def draw_sign(canvas: Canvas, left: int, top: int, colour: str, *, is_plus: bool) -> None:
    """Draw a + or a −, `SIGN` pixels wide and high, which is visible without colour."""
    canvas.rectangle(left, top + SIGN // 2 - 2, SIGN, 4, colour)
    if is_plus:
        canvas.rectangle(left + SIGN // 2 - 2, top, 4, SIGN, colour)


def draw_scale(canvas: Canvas, top: int, scale: float, below: str, above: str, *, is_reversed: bool = False) -> None:
    """Draw the colours from −`scale` to `scale`, with what they mean. `is_reversed` makes values above 0 amber."""
    side = -1 if is_reversed else 1
    left, right = MARGIN, WIDTH - MARGIN
    colours = (POSITIVE, NEGATIVE) if is_reversed else (NEGATIVE, POSITIVE)
    canvas.gradient(left, top, right - left, 24, lambda share: diverging(side * (2 * share - 1)), steps=_STEPS)
    for x, is_plus in ((left + 8, False), (right - 8 - SIGN, True)):
        draw_sign(canvas, x, top + 5, text_on(diverging(1)), is_plus=is_plus)
    canvas.text(left, top + 56, f"−{scale:.2f} {below}", size=SMALLEST, colour=colours[0], room=330)
    canvas.text(WIDTH / 2, top + 56, "0", size=SMALLEST, colour=MUTED, align="center")
    canvas.text(right, top + 56, f"{above} +{scale:.2f}", size=SMALLEST, colour=colours[1], align="right", room=330)


def _detail(effects: WordEffects) -> str:
    if not effects.words:
        return f"the {effects.what} has no words"
    if effects.words_together == 1:
        return f"each word coloured by its effect on the {effects.affected}"
    return f"coloured by the effect of {effects.words_together} adjacent words"


def _alt(effects: WordEffects, left_out: int) -> str:
    sentences = [effects.summary]
    if effects.words_together > 1:
        sentences.append(f"{effects.words_together} adjacent words were left out at a time.")
    ranked = sorted(effects.words, key=lambda word: word.effect)
    for name, sign, words in ((effects.above, 1, ranked[::-1]), (effects.below, -1, ranked)):
        strongest = [word for word in words if sign * word.effect > 0][:_NAMED]
        listed = ", ".join(map(_word_text, strongest)) or "no word"
        sentences.append(f"{name[:1].upper()}{name[1:]}: {listed}.")
    if left_out:
        sentences.append(f"Not in the picture: {more_text(left_out, 'word').lstrip('… ')}.")
    return alt_list(sentences, "Effects in order:", [_word_text(word) for word in effects.words[:MOST_WORDS]])


def _word_text(word: WordEvidence) -> str:
    return f"{quoted_token(word.text)} {signed_text(word.effect)}"


def signed_text(number: float) -> str:
    """Return ``+1.25`` or ``−1.25``."""
    return f"{number:+.2f}".replace("-", "−")
