"""The server's JSON as scores. Log-probabilities are natural, over the whole vocabulary, before any penalty."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.engine.primitives import OTHERS, RankedScore, TokenChoice, TokenScore
from bot.engine.vllm.server import Json

# vLLM replaces minus infinity by -9999, because JSON has no infinity.
LOWEST = -9998.0
_PREFIX = "token_id:"


class NotFinite(Exception):
    """The server computed a number that is infinite or not a number."""


def prompt_choices(answer: Json) -> list[Json]:
    """Return the choices of an answer in the order of its prompts."""
    return sorted(answer["choices"], key=lambda choice: int(choice["index"]))


def next_log_probabilities(choice: Json) -> dict[int, float]:
    """Return the log-probabilities after the prompt by id, in the server's order. Raises NotFinite."""
    (by_id,) = _log_probabilities(choice)
    return by_id


def token_choices(choice: Json) -> list[TokenChoice]:
    """Return the choices of the new tokens of a part of a stream. Raises NotFinite."""
    return [
        TokenChoice.among(_best(by_id, OTHERS + 1), _score(id_, by_id[id_]))
        for id_, by_id in zip(choice["token_ids"], _log_probabilities(choice), strict=True)
    ]


def chosen_scores(choice: Json, chosen: Sequence[int]) -> tuple[TokenScore, ...]:
    """Return the scores of the `chosen` ids after the prompt. Raises NotFinite."""
    by_id = next_log_probabilities(choice)
    return tuple(_score(id_, by_id[id_]) for id_ in chosen)


def top_scores(choice: Json, count: int) -> tuple[RankedScore, ...]:
    """Return the `count` most probable tokens after the prompt, best first. Raises NotFinite."""
    return _best(next_log_probabilities(choice), count)


def position_scores(
    choice: Json, position: int, actual: int, count: int
) -> tuple[tuple[RankedScore, ...], RankedScore]:
    """Return the `count` most probable tokens at a position of the prompt, and the `actual` token there.

    Raises NotFinite.
    """
    entries: Mapping[str, Mapping[str, Any]] = choice["prompt_logprobs"][position]
    _refuse_not_finite(entry["logprob"] for entry in entries.values())
    best = sorted(entries.items(), key=lambda item: -item[1]["logprob"])[:count]
    top = tuple(_ranked(int(id_), entry["logprob"], rank) for rank, (id_, entry) in enumerate(best, start=1))
    entry = entries[str(actual)]
    return top, _ranked(actual, entry["logprob"], entry["rank"])


def whole_distribution(by_id: Mapping[int, float], vocab_size: int) -> NDArray[np.float32]:
    """Return the log-probabilities of all ids as an array: [vocab_size]. Raises NotFinite if one is missing."""
    values = np.full(vocab_size, np.nan, dtype=np.float32)
    ids = np.fromiter(by_id.keys(), dtype=np.int64, count=len(by_id))
    values[ids[ids < vocab_size]] = np.fromiter(by_id.values(), dtype=np.float32, count=len(by_id))[ids < vocab_size]
    if np.isnan(values).any():
        raise NotFinite
    return values


def _log_probabilities(choice: Json) -> list[dict[int, float]]:
    """Return the log-probabilities at each new token by id, in the server's order. Raises NotFinite."""
    positions = [
        {int(key.removeprefix(_PREFIX)): value for key, value in by_key.items()}
        for by_key in choice["logprobs"]["top_logprobs"]
    ]
    for by_id in positions:
        _refuse_not_finite(by_id.values())
    return positions


def _best(by_id: Mapping[int, float], count: int) -> tuple[RankedScore, ...]:
    best = sorted(by_id.items(), key=lambda item: -item[1])[:count]
    return tuple(_ranked(id_, value, rank) for rank, (id_, value) in enumerate(best, start=1))


def _score(id_: int, log_probability: float) -> TokenScore:
    return TokenScore(id_, None, math.exp(log_probability), log_probability)


def _ranked(id_: int, log_probability: float, rank: int) -> RankedScore:
    return RankedScore(id_, None, math.exp(log_probability), log_probability, rank)


def _refuse_not_finite(values: Iterable[float | None]) -> None:
    if not all(value is not None and math.isfinite(value) and value > LOWEST for value in values):
        raise NotFinite
