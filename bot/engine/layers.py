"""What the model would say after each of its layers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bot.engine.primitives import Engine
from bot.engine.tokenizer import TextCodec
from bot.questions.layers import Layer, LayerPosition, LayerReadings, LayersQuestion
from bot.questions.options import POSITIONS_IN_TERMINAL
from bot.questions.tokens import TokenProbability

SHOWN = 5  # tokens of each distribution


def read_layers(engine: Engine, question: LayersQuestion) -> LayerReadings:
    """Return the next-token distribution after each layer, at the last positions of the prompt.

    The model's last norm and its output layer are applied to the states after each layer (the logit lens,
    nostalgebraist 2020). Raises EmptyPrompt, PromptTooLong, OptionOutOfRange and LayersUnsupported.
    """
    POSITIONS_IN_TERMINAL.check(question.positions)
    codec = engine.codec
    input_ids = codec.encode(question.prompt)
    first = max(0, len(input_ids) - question.positions)
    layers = tuple(
        Layer(number, _positions(logits, first, codec))
        for number, logits in enumerate(engine.layer_logits(input_ids, first))
    )
    return LayerReadings(question.prompt, tuple(input_ids), tuple(map(codec.token, input_ids[first:])), layers)


def _positions(logits: NDArray[np.float32], first: int, codec: TextCodec) -> tuple[LayerPosition, ...]:
    """Return the readings of `logits` [positions, vocabulary], which begin at the position `first`."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    entropies = -(np.exp(log_probabilities) * log_probabilities).sum(axis=1) / np.log(2)
    return tuple(
        LayerPosition(first + index, _top(row, log_probabilities[index], codec), abs(float(entropies[index])))
        for index, row in enumerate(logits)
    )


def _top(
    logits: NDArray[np.float32], log_probabilities: NDArray[np.float64], codec: TextCodec
) -> tuple[TokenProbability, ...]:
    count = min(SHOWN, logits.size)
    best: NDArray[np.int64] = np.argpartition(-logits, count - 1)[:count]
    ids: Sequence[int] = best[np.argsort(-logits[best], kind="stable")].tolist()
    return tuple(
        TokenProbability(
            rank, codec.token(id_), float(logits[id_]), float(np.exp(log_probabilities[id_])),
            float(log_probabilities[id_]),
        )
        for rank, id_ in enumerate(ids, start=1)
    )  # fmt: skip
