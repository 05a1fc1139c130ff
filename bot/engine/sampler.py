"""The next token's distribution before and after each stage of the sampler.

The stages give the same numbers as transformers' processors, on float32 logits and in the order of `generate`.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from bot.engine.primitives import Engine, repeating_ids
from bot.engine.scheduler import let_others_run
from bot.engine.tokenizer import TextCodec
from bot.errors import OptionUnsupported
from bot.questions.generation import GenerationParameters
from bot.questions.sampler import (
    NEUTRAL_VALUES,
    STAGES,
    TOP_H_TOKENS,
    CutToken,
    Distribution,
    SamplerQuestion,
    SamplerStage,
    SamplerStages,
    Stage,
    SweepPoint,
)
from bot.questions.tokens import TokenProbability

SHOWN = 10  # tokens shown of each distribution, and of the tokens that a stage removes
SWEEP = tuple(tenths / 10 for tenths in range(1, 21))  # temperatures

Logits = NDArray[np.float32]


def sampler_stages(engine: Engine, question: SamplerQuestion) -> SamplerStages:
    """Return the distribution after a prompt, before and after each stage.

    Raises EmptyPrompt, PromptTooLong, OptionOutOfRange, and OptionUnsupported for a repetition penalty without logits.
    """
    parameters = GenerationParameters.from_options(
        strategy="sample", max_new_tokens=1, temperature=question.temperature, top_k=question.top_k,
        top_p=question.top_p, min_p=question.min_p, top_h=question.top_h, typical_p=question.typical_p,
        epsilon_cutoff=question.epsilon_cutoff, eta_cutoff=question.eta_cutoff,
        repetition_penalty=question.repetition_penalty, no_repeat_ngram_size=question.no_repeat_ngram_size, seed=0,
    )  # fmt: skip
    values: dict[Stage, float] = {name: value for name in STAGES if (value := getattr(parameters, name)) is not None}
    if question.repetition_penalty != 1.0 and not engine.has_logits:
        raise OptionUnsupported(
            "repetition_penalty",
            question.repetition_penalty,
            "it divides positive logits and multiplies negative ones, and this engine only knows log-probabilities",
            "Use 1, or the transformers engine (BOT_ENGINE=transformers).",
        )
    codec = engine.codec
    input_ids = codec.encode(question.prompt)
    scores = engine.next_scores(input_ids)
    before = _distribution(scores, codec, has_logits=engine.has_logits)
    stages = []
    sweep: tuple[SweepPoint, ...] = ()
    for name, value in values.items():
        old_scores, is_on = scores, _is_on(name, value)
        if name == "temperature":
            sweep = _temperature_sweep(old_scores, values)
        if is_on:
            scores = _apply(name, value, old_scores, input_ids)
        after = _distribution(scores, codec, has_logits=engine.has_logits)
        stages.append(_stage(name, float(value), old_scores, scores, after, codec, is_on=is_on))
    return SamplerStages(question.prompt, tuple(input_ids), parameters, before, tuple(stages), sweep)


def _is_on(name: Stage, value: float) -> bool:
    return value != NEUTRAL_VALUES.get(name)


def _apply(name: Stage, value: float, scores: Logits, input_ids: Sequence[int]) -> Logits:
    if name in _AFTER_A_TEXT:
        return _AFTER_A_TEXT[name](scores, value, input_ids)
    return _ALONE[name](scores, value)


def apply_repetition_penalty(logits: Logits, penalty: float, input_ids: Sequence[int]) -> Logits:
    """Apply the repetition penalty to the prompt's tokens (Keskar et al. 2019, CTRL, section 4.1)."""
    ids = np.unique(np.asarray(input_ids))
    changed, old = logits.copy(), logits[ids]
    factor = np.float32(penalty)
    changed[ids] = np.where(old < 0, old * factor, old / factor)
    return changed


def apply_no_repeat_ngram_size(logits: Logits, size: float, input_ids: Sequence[int]) -> Logits:
    """Remove the tokens with which a sequence of `size` tokens would be in the text a second time."""
    changed = logits.copy()
    changed[list(repeating_ids(input_ids, int(size)))] = -np.inf
    return changed


def apply_temperature(logits: Logits, temperature: float) -> Logits:
    """Divide by the temperature."""
    return logits / np.float32(temperature)


def apply_top_h(logits: Logits, h: float) -> Logits:
    """Keep the likeliest tokens whose share of the entropy is at most `h` (Baghaei Potraghloo et al. 2025, top-H).

    Only the likeliest 100 tokens can stay, and the likeliest one always does.
    """
    count = min(TOP_H_TOKENS, logits.size)
    best = np.argpartition(-logits, count - 1)[:count]
    best = best[np.argsort(-logits[best], kind="stable")]
    probabilities = _softmax(logits[best])
    logs = np.log(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))
    cumulative = np.cumsum(-probabilities * logs)
    is_kept = cumulative <= h * cumulative[-1]
    is_kept[0] = True
    changed = np.full_like(logits, -np.inf)
    changed[best[is_kept]] = logits[best[is_kept]]
    return changed


def apply_top_k(logits: Logits, k: float) -> Logits:
    """Remove tokens less likely than the kth. Ties with the kth stay."""
    place = -min(int(k), logits.size)
    return _without(logits, logits < np.partition(logits, place)[place])


def apply_top_p(logits: Logits, p: float) -> Logits:
    """Keep only the likeliest tokens that together reach probability `p` (Holtzman et al. 2020, nucleus sampling)."""
    order = np.argsort(logits, kind="stable")
    # transformers sums float32 probabilities in double precision and compares in float32.
    cumulative = np.cumsum(_softmax(logits)[order].astype(np.float32), dtype=np.float64).astype(np.float32)
    cut = order[cumulative <= np.float32(1 - p)]
    changed = logits.copy()
    changed[cut[cut != order[-1]]] = -np.inf
    return changed


def apply_min_p(logits: Logits, p: float) -> Logits:
    """Remove tokens with less than `p` times the likeliest one's probability (Nguyen et al. 2025, min-p)."""
    probabilities = _softmax(logits).astype(np.float32)
    return _without(logits, probabilities < np.float32(p) * probabilities.max())


def apply_typical_p(logits: Logits, mass: float) -> Logits:
    """Keep the tokens whose surprisal is closest to the entropy, up to probability `mass` (Meister et al. 2023)."""
    shifted = logits.astype(np.float64) - logits.max()
    surprisals = np.log(np.exp(shifted).sum()) - shifted
    probabilities = np.exp(-surprisals)
    distances = np.abs(surprisals - _entropy(probabilities))
    order = np.argsort(distances, kind="stable")
    last = min(int((np.cumsum(probabilities[order]) < mass).sum()), logits.size - 1)
    return _without(logits, distances > distances[order[last]])


def apply_epsilon_cutoff(logits: Logits, epsilon: float) -> Logits:
    """Remove tokens with a probability below `epsilon`, except the likeliest (Hewitt et al. 2022, epsilon sampling)."""
    return _without_improbable(logits, _softmax(logits), np.float32(epsilon))


def apply_eta_cutoff(logits: Logits, epsilon: float) -> Logits:
    """Remove improbable tokens; the limit falls with the entropy (Hewitt et al. 2022, eta sampling)."""
    probabilities = _softmax(logits)
    limit = min(epsilon, math.sqrt(epsilon) * math.exp(-_entropy(probabilities)))
    return _without_improbable(logits, probabilities, np.float32(limit))


def _without_improbable(logits: Logits, probabilities: NDArray[np.float64], limit: np.float32) -> Logits:
    return _without(logits, (probabilities.astype(np.float32) < limit) & (logits < logits.max()))


def _without(logits: Logits, is_cut: NDArray[np.bool_]) -> Logits:
    return np.where(is_cut, np.float32(-np.inf), logits)


# The stages that depend on the text before, and those that don't.
_AFTER_A_TEXT: dict[Stage, Callable[[Logits, float, Sequence[int]], Logits]] = {
    "repetition_penalty": apply_repetition_penalty,
    "no_repeat_ngram_size": apply_no_repeat_ngram_size,
}
_ALONE: dict[Stage, Callable[[Logits, float], Logits]] = {
    "temperature": apply_temperature,
    "top_h": apply_top_h,
    "top_k": apply_top_k,
    "top_p": apply_top_p,
    "min_p": apply_min_p,
    "typical_p": apply_typical_p,
    "epsilon_cutoff": apply_epsilon_cutoff,
    "eta_cutoff": apply_eta_cutoff,
}


def _temperature_sweep(scores: Logits, values: dict[Stage, float]) -> tuple[SweepPoint, ...]:
    """Return the entropy at each temperature, and how many tokens the later stages leave. `scores` come before it."""
    later = [
        (_ALONE[name], value)
        for name, value in values.items()
        if name in _ALONE and name != "temperature" and _is_on(name, value)
    ]
    possible = np.sort(scores[scores > -np.inf])  # without ids; sorting what is sorted takes no time
    points = []
    for temperature in SWEEP:
        left = apply_temperature(possible, temperature)
        entropy = _entropy(_softmax(left)) / math.log(2)
        for apply, value in later:
            left = apply(left, value)
            left = left[left > -np.inf]
        points.append(SweepPoint(temperature, entropy, left.size))
        let_others_run()  # all temperatures together take up to 0.2 s for 151,936 tokens
    return tuple(points)


def _softmax(logits: Logits) -> NDArray[np.float64]:
    exponentials = np.exp(logits.astype(np.float64) - logits.max())
    normalized: NDArray[np.float64] = exponentials / exponentials.sum()
    return normalized


def _entropy(probabilities: NDArray[np.float64]) -> float:
    """Return the entropy in nats."""
    possible = probabilities[probabilities > 0]
    return abs(float((possible * np.log(possible)).sum()))


def _distribution(scores: Logits, codec: TextCodec, *, has_logits: bool) -> Distribution:
    probabilities = _softmax(scores)
    left = int((scores > -np.inf).sum())
    total = float(np.logaddexp.reduce(scores.astype(np.float64)))
    order = np.argsort(-scores, kind="stable")[: min(SHOWN, left)].tolist()
    return Distribution(
        tokens_left=left,
        entropy=_entropy(probabilities) / math.log(2),
        top=tuple(
            TokenProbability(
                rank,
                codec.token(id_),
                float(scores[id_]) if has_logits else None,
                float(probabilities[id_]),
                float(scores[id_]) - total,
            )
            for rank, id_ in enumerate(order, start=1)
        ),
    )


def _stage(
    name: Stage, value: float, old: Logits, new: Logits, after: Distribution, codec: TextCodec, *, is_on: bool
) -> SamplerStage:
    """Return what a stage changed from its `old` scores to its `new` ones. Removed tokens have minus infinity."""
    probabilities = _softmax(old)
    was_cut = (new == -np.inf) & (old > -np.inf)
    order = np.argsort(-old, kind="stable")
    cumulative = np.cumsum(probabilities[order])
    cut = tuple(
        CutToken(
            rank + 1,
            codec.token(int(order[rank])),
            float(probabilities[order[rank]]),
            float(cumulative[rank - 1]) if rank else 0.0,
        )
        for rank in np.flatnonzero(was_cut[order])[:SHOWN].tolist()  # from 0
    )
    return SamplerStage(
        name=name,
        value=value,
        is_on=is_on,
        after=after,
        tokens_cut=int(was_cut.sum()),
        mass_cut=float(probabilities[was_cut].sum()),
        cut=cut,
    )
