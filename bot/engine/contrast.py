"""How the next-token distribution differs after two prompts, over the whole vocabulary and in float64."""

import math

import numpy as np
from numpy.typing import NDArray

from bot.engine.primitives import Engine
from bot.questions.contrast import Contrast, ContrastQuestion, Density, Mover

MOST_MOVERS = 20
LEAST_BITS = 1e-9  # of a mover; rounding of float32 log-probabilities by 1e-5 adds less than 1e-10 bits
STEPS = 48  # of each axis of the density
_LOWEST, _HIGHEST = -12, -2  # limits of the power of ten at which the axes begin

Numbers = NDArray[np.float64]


def contrast(engine: Engine, question: ContrastQuestion) -> Contrast:
    """Return how the distributions after the two prompts differ.

    Raises EmptyPrompt, PromptTooLong and TokenWithoutWeights, which name the prompt. Prompts with the same ids are
    computed once, so their divergences are exactly 0.
    """
    ids_a = engine.codec.encode(question.a, what="first prompt (a)")
    ids_b = engine.codec.encode(question.b, what="second prompt (b)")
    log_a = _log_softmax(engine.next_scores(ids_a))
    log_b = log_a if ids_a == ids_b else _log_softmax(engine.next_scores(ids_b))
    parts = _js_parts(log_a, log_b)
    order = np.argsort(-parts, kind="stable")[:MOST_MOVERS].tolist()
    movers = tuple(
        Mover(engine.codec.token(id_), float(log_a[id_]), float(log_b[id_]), float(parts[id_]))
        for id_ in order
        if parts[id_] >= LEAST_BITS
    )
    return Contrast(
        question.a,
        question.b,
        tuple(ids_a),
        tuple(ids_b),
        kl_a_b_bits=_kl_bits(log_a, log_b),
        kl_b_a_bits=_kl_bits(log_b, log_a),
        js_bits=min(1.0, float(parts.sum())),
        movers=movers,
        density=_density(log_a, log_b),
    )


def _log_softmax(scores: NDArray[np.float32]) -> Numbers:
    shifted = scores.astype(np.float64) - scores.max()
    log_probabilities: Numbers = shifted - math.log(np.exp(shifted).sum())
    return log_probabilities


def _kl_bits(log_p: Numbers, log_q: Numbers) -> float:
    """Return KL(p‖q) in bits. Rounding can't make it negative."""
    return max(0.0, float((np.exp(log_p) * (log_p - log_q)).sum()) / math.log(2))


def _js_parts(log_p: Numbers, log_q: Numbers) -> Numbers:
    """Return what each token adds to the Jensen-Shannon divergence, in bits. It is never negative.

    With d = ln(q/p), ln(p/m) is ln 2 − ln(1 + eᵈ), which is exact for d = 0 and for probabilities that underflow.
    """
    difference = log_q - log_p
    to_p = math.log(2) - np.logaddexp(0, difference)
    to_q = math.log(2) - np.logaddexp(0, -difference)
    parts: Numbers = (np.exp(log_p) * to_p + np.exp(log_q) * to_q) / (2 * math.log(2))
    return np.maximum(parts, 0.0)


def _density(log_a: Numbers, log_b: Numbers) -> Density:
    power = min(log_a.min(), log_b.min()) / math.log(10)
    lowest = max(_LOWEST, min(_HIGHEST, math.floor(power)))
    places = _steps(log_a, lowest) * STEPS + _steps(log_b, lowest)
    filled, counts = np.unique(places, return_counts=True)
    cells = tuple((*divmod(place, STEPS), count) for place, count in zip(filled.tolist(), counts.tolist(), strict=True))
    return Density(lowest, STEPS, cells)


def _steps(log_probabilities: Numbers, lowest: int) -> NDArray[np.int64]:
    """Return the step of each probability on an axis from 10 to the power of `lowest` up to 1."""
    shares = 1 - log_probabilities / (lowest * math.log(10))
    return np.clip(np.floor(shares * STEPS), 0, STEPS - 1).astype(np.int64)
