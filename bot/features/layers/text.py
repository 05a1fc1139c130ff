"""The readings after each layer as a table, and the layers that are shown of a deep model."""

from collections.abc import Sequence

from bot.questions.layers import Layer, LayerReadings
from bot.rendering.escaping import visible_token
from bot.rendering.tables import percentage, table

MOST_LAYERS = 10


def shown_layers(layers: tuple[Layer, ...]) -> list[Layer]:
    """Return at most `MOST_LAYERS`, evenly spaced, with the embedding and the last layer."""
    count = min(MOST_LAYERS, len(layers))
    return [layers[round(index * (len(layers) - 1) / max(1, count - 1))] for index in range(count)]


def lead_text(result: LayerReadings) -> str:
    """Return from which layer on the model's own answer leads, such as ``from layer 3 of 8``."""
    layer, last = result.leads_from, result.layers[-1].number
    if layer == 0:
        return "from the embedding on"
    return f"only after the last of {last} layers" if layer == last else f"from layer {layer} of {last} on"


def layers_table(layers: Sequence[Layer], columns: int | None = None) -> str:
    """Return the most probable next token after the prompt by layer, with its probability and the entropy in bits."""
    rows = []
    for layer in layers:
        last = layer.positions[-1]
        best = last.top[0]
        rows.append(
            (str(layer.number), percentage(best.probability), f"{last.entropy:.2f}", visible_token(best.token.text))
        )
    return table(("layer", "prob.", "bits", "token"), rows, right=(0, 1, 2), columns=columns)
