"""The picture of the readings after each layer: a grid of tokens, coloured by probability."""

from bot.features.layers.text import lead_text, shown_layers
from bot.questions.layers import Layer, LayerPosition, LayerReadings
from bot.rendering.pictures.canvas import BOLD, MARGIN, REGULAR, SMALLEST, WIDTH, Canvas
from bot.rendering.pictures.flow import box_text, quoted_token
from bot.rendering.pictures.palette import ACCENT, MUTED, sequential, text_on
from bot.rendering.pictures.picture import Picture, alt_list
from bot.rendering.tables import percentage

MOST_POSITIONS = 8
_NAMES = 72  # pixels for the layers' numbers
_BITS = 64  # pixels for the entropies
_TOP = 176  # of the first row
_ROW, _BOX = 40, 36
_KEY = 76  # height of the key


def layers_picture(result: LayerReadings) -> Picture:
    """Draw a row for each layer, the last one at the bottom, and a column for each of the last positions.

    A cell has the most probable next token, coloured by its probability. It has a frame if it is the model's own
    answer at that position. Beside each row is the entropy at the last position. At most `MOST_POSITIONS` positions
    and 12 layers are drawn.
    """
    layers = shown_layers(result.layers)
    columns = min(MOST_POSITIONS, len(result.tokens))
    canvas = Canvas(_TOP + len(layers) * _ROW + _KEY)
    canvas.heading(*_heading(result))
    left = MARGIN + _NAMES
    width = (WIDTH - MARGIN - _BITS - left) // columns
    canvas.text(left - 12, _TOP - 14, "layer", size=SMALLEST, colour=MUTED, align="right")
    canvas.text(WIDTH - MARGIN, _TOP - 14, "bits", size=SMALLEST, colour=MUTED, align="right")
    for column, token in enumerate(result.tokens[-columns:]):
        middle = left + column * width + width / 2
        name = f"…{box_text(token.text)}"
        canvas.text(middle, _TOP - 14, name, size=SMALLEST, colour=MUTED, align="center", room=width - 8)
    answers = [answer.token.id for answer in result.answers[-columns:]]
    for row, layer in enumerate(layers):
        top = _TOP + row * _ROW
        is_last = layer is layers[-1]
        weight, colour = (BOLD, ACCENT) if is_last else (REGULAR, MUTED)
        number = str(layer.number)
        canvas.text(left - 12, top + 27, number, size=SMALLEST, weight=weight, colour=colour, align="right")
        for column, position in enumerate(layer.positions[-columns:]):
            is_answer = position.top[0].token.id == answers[column]
            _draw_cell(canvas, left + column * width, top, width - 4, position, is_answer=is_answer)
        bits = f"{layer.positions[-1].entropy:.1f}"
        canvas.text(WIDTH - MARGIN, top + 27, bits, size=SMALLEST, colour=MUTED, align="right")
    _draw_key(canvas, _TOP + len(layers) * _ROW + 16)
    return canvas.picture(_alt(result, layers))


def _draw_cell(canvas: Canvas, left: int, top: int, width: int, position: LayerPosition, *, is_answer: bool) -> None:
    best = position.top[0]
    colour = sequential(best.probability)
    if is_answer:
        canvas.rectangle(left, top, width, _BOX, ACCENT)
        canvas.rectangle(left + 3, top + 3, width - 6, _BOX - 6, colour)
    else:
        canvas.rectangle(left, top, width, _BOX, colour)
    name = box_text(best.token.text)
    middle = left + width / 2
    canvas.text(middle, top + 26, name, size=SMALLEST, colour=text_on(colour), align="center", room=width - 12)


def _draw_key(canvas: Canvas, top: int) -> None:
    width = 320
    canvas.gradient(MARGIN, top, width, 16, sequential)
    canvas.text(MARGIN, top + 42, "0%", size=SMALLEST, colour=MUTED)
    canvas.text(MARGIN + width / 2, top + 42, "probability", size=SMALLEST, colour=MUTED, align="center")
    canvas.text(MARGIN + width, top + 42, "100%", size=SMALLEST, colour=MUTED, align="right")
    left = MARGIN + width + 48
    canvas.rectangle(left, top, 40, 24, ACCENT)
    canvas.rectangle(left + 3, top + 3, 34, 18, sequential(0))
    canvas.text(left + 52, top + 20, "the model's own answer", size=SMALLEST, colour=MUTED)


def _heading(result: LayerReadings) -> tuple[str, str]:
    return (
        f"{quoted_token(result.answers[-1].token.text)} leads {lead_text(result)}",
        "the most probable next token after each layer",
    )


def _alt(result: LayerReadings, layers: list[Layer]) -> str:
    title, _ = _heading(result)
    sentences = [f"The most probable next token after each layer. After the prompt, {title}."]
    # The last layers tell more, so they come first.
    readings = [f"{layer.number} {_reading(layer.positions[-1])}" for layer in reversed(layers)]
    sentences = [alt_list(sentences, "Probability and entropy, from the last layer to the first:", readings)]
    earlier = list(zip(result.tokens, result.answers, strict=True))[-MOST_POSITIONS:-1]
    answers = [
        f"{quoted_token(answer.token.text)} {percentage(answer.probability)} after {quoted_token(token.text)}"
        for token, answer in reversed(earlier)
    ]
    return alt_list(sentences, "The last layer at earlier positions, backwards:", answers)


def _reading(position: LayerPosition) -> str:
    best = position.top[0]
    return f"{quoted_token(best.token.text)} {percentage(best.probability)} and {position.entropy:.1f} bits"
