"""The picture of an X-ray: the text with each token coloured by its surprisal."""

from collections.abc import Sequence
from typing import get_args

from bot.questions.tokens import Likelihood, RankClass
from bot.questions.xray import Surprisals, TokenSurprisal
from bot.rendering.pictures.canvas import MARGIN, SMALLEST, WIDTH, Canvas
from bot.rendering.pictures.flow import PADDING, Box, box_text, breaks_of, flow, more_text, quoted_token
from bot.rendering.pictures.palette import MUTED, NEUTRAL, sequential, text_on
from bot.rendering.pictures.picture import Picture, alt_list

MOST_TOKENS = 300
MOST_LINES = 40
MOST_BITS = 16  # end of the scale, the same for all texts; about a rank of 65,000
_TOP = 140  # of the first line
_LINE, _BOX = 46, 42  # from line to line, and height of a box
_BASELINE = 27  # of a box's text
_MARK, _BETWEEN, _THICK = 8, 4, 4  # width of a mark, pixels to the next, and its height
_LEAST = 3 * _MARK + 2 * _BETWEEN + 2 * PADDING  # width of a box: it has room for all marks
_KEY = 156  # height of the key
_LOWEST = _TOP + (MOST_LINES + 1) * _LINE + _KEY

RANKS: tuple[RankClass, ...] = get_args(RankClass)


def xray_picture(surprisals: Surprisals) -> Picture:
    """Draw a text's tokens in lines, coloured by surprisal, with one to three marks for ranks beyond the top 10.

    The picture grows with the text, to about 2,000 pixels. At most `MOST_TOKENS` tokens and `MOST_LINES` lines are
    drawn, with a note of how many are missing. The figures are for the whole text.
    """
    canvas = Canvas(_LOWEST)
    canvas.heading(*_heading(surprisals))
    tokens = surprisals.tokens[:MOST_TOKENS]
    texts = [entry.token.text for entry in tokens]
    boxes = flow(canvas, [box_text(text) for text in texts], MOST_LINES, breaks=breaks_of(texts), least=_LEAST)
    for box, entry in zip(boxes, tokens, strict=False):
        _draw_box(canvas, box, _TOP + box.line * _LINE, entry.likelihood if entry.is_measured else None)
    bottom = _TOP + (boxes[-1].line + 1 if boxes else 0) * _LINE
    left_out = len(surprisals.tokens) - len(boxes)
    if left_out:
        canvas.text(MARGIN, bottom + _BASELINE, more_text(left_out, "token"), colour=MUTED)
        bottom += _LINE
    _draw_key(canvas, bottom + 16, neutral=_neutral(tokens))
    canvas.end_at(bottom + _KEY)
    return canvas.picture(_alt(surprisals, left_out))


def _heading(surprisals: Surprisals) -> tuple[str, str]:
    count = len(surprisals.tokens)
    tokens = "1 token" if count == 1 else f"{count:,} tokens"
    if not surprisals.likelihoods:
        return "Nothing to predict", f"{tokens}: there is nothing before the first one"
    return (
        f"Perplexity {_number(surprisals.perplexity)}, {surprisals.bits_per_character:.2f} bits per character",
        f"{tokens}, each coloured by its surprisal",
    )


def _neutral(tokens: Sequence[TokenSurprisal]) -> str:
    """Return the label for tokens without a colour (the first and special ones), or "" if there are none."""
    if any(entry.is_special for entry in tokens):
        return "not measured"
    return "not predicted" if any(entry.likelihood is None for entry in tokens) else ""


def _number(perplexity: float | None) -> str:
    """Return a perplexity as text, with two decimals below 10, because memorised texts are close to 1."""
    if perplexity is None:
        return "over 1e+304"
    if perplexity < 10:
        return f"{perplexity:.2f}"
    return f"{perplexity:,.1f}" if perplexity < 1e6 else f"{perplexity:.2g}"


def _draw_box(canvas: Canvas, box: Box, top: float, likelihood: Likelihood | None) -> None:
    colour = NEUTRAL if likelihood is None else sequential(likelihood.surprisal / MOST_BITS)
    canvas.rectangle(box.left, top, box.width, _BOX, colour)
    letters = text_on(colour)
    box.write(canvas, top + _BASELINE, colour=letters)
    if likelihood is not None:
        _draw_marks(canvas, box.left + box.width / 2, top, likelihood.rank_class, letters)


def _draw_marks(canvas: Canvas, middle: float, top: float, rank: RankClass, colour: str) -> None:
    """Draw 0 marks for the top 10, 1 for the top 100, 2 for the top 1000, 3 beyond: visible without colour."""
    count = RANKS.index(rank)
    left = round(middle - (count * (_MARK + _BETWEEN) - _BETWEEN) / 2)
    for index in range(count):
        canvas.rectangle(left + index * (_MARK + _BETWEEN), top + _BOX - 8, _MARK, _THICK, colour)


def _draw_key(canvas: Canvas, top: float, *, neutral: str) -> None:
    left = MARGIN
    for rank in RANKS:
        grey = sequential(0)
        canvas.rectangle(left, top, _LEAST, _BOX, grey)
        _draw_marks(canvas, left + _LEAST / 2, top, rank, text_on(grey))
        name = f"rank in {rank}" if rank == "top 10" else rank
        left = round(canvas.text(left + _LEAST + 10, top + _BASELINE, name, size=SMALLEST, colour=MUTED).right) + 20
    width = 420
    top += _BOX + 14
    canvas.gradient(MARGIN, round(top), width, 20, sequential)
    for bits in range(0, MOST_BITS + 1, 4):
        name = f"{bits}+ bits" if bits == MOST_BITS else f"{bits}"
        middle = MARGIN + bits / MOST_BITS * width
        if bits == MOST_BITS:
            middle += (canvas.width_of(name, size=SMALLEST) - canvas.width_of(f"{bits}", size=SMALLEST)) / 2
        canvas.text(max(middle, MARGIN + 7), top + 48, name, size=SMALLEST, colour=MUTED, align="center")
    if neutral:
        left = WIDTH - MARGIN - 220
        canvas.rectangle(left, top, _LEAST, 20, NEUTRAL)
        canvas.text(left + _LEAST + 10, top + 18, neutral, size=SMALLEST, colour=MUTED)


def _alt(surprisals: Surprisals, left_out: int) -> str:
    title, detail = _heading(surprisals)
    sentences = [f"X-ray of a text. {title}; {detail}."]
    if not surprisals.likelihoods:
        return sentences[0]
    counts = dict.fromkeys(RANKS, 0)
    for likelihood in surprisals.likelihoods:
        counts[likelihood.rank_class] += 1
    sentences.append("By rank: " + ", ".join(f"{count:,} {_rank_text(rank)}" for rank, count in counts.items()) + ".")
    strongest = [surprisals.tokens[position] for position in surprisals.most_surprising()]
    sentences.append(f"Most surprising: {', '.join(map(_surprise_text, strongest))}.")
    if left_out:
        sentences.append(f"Not in the picture: {left_out:,} more.")
    return alt_list(sentences, "Bits in order:", [_entry_text(entry) for entry in surprisals.tokens[:MOST_TOKENS]])


def _rank_text(rank: RankClass) -> str:
    return rank if rank == "beyond" else f"in the {rank}"


def _entry_text(entry: TokenSurprisal) -> str:
    text = quoted_token(entry.token.text)
    return f"{text} {entry.likelihood.surprisal:.1f}" if entry.likelihood and entry.is_measured else text


def _surprise_text(entry: TokenSurprisal) -> str:
    if entry.likelihood is None:
        return quoted_token(entry.token.text)
    return (
        f"{quoted_token(entry.token.text)} with {entry.likelihood.surprisal:.1f} bits, rank {entry.likelihood.rank:,}"
    )
