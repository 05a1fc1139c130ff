"""The next token's distribution before and after each stage of the sampler.

The stages give the same numbers as transformers' processors, on float32 logits and in the order of `generate`.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bot.engine.primitives import Engine
from bot.engine.tokenizer import TextCodec
from bot.errors import OptionUnsupported
from bot.questions.generation import GenerationParameters
from bot.questions.sampler import CutToken, Distribution, SamplerQuestion, SamplerStage, SamplerStages, Stage
from bot.questions.tokens import TokenProbability

SHOWN = 10  # tokens shown of each distribution, and of the tokens that a stage removes

Logits = NDArray[np.float32]


def sampler_stages(engine: Engine, question: SamplerQuestion) -> SamplerStages:
    """Return the distribution after a prompt, before and after each stage.

    Raises EmptyPrompt, PromptTooLong, OptionOutOfRange, and OptionUnsupported for a repetition penalty without logits.
    """
    parameters = GenerationParameters.from_options(
        strategy="sample", max_new_tokens=1, temperature=question.temperature, top_k=question.top_k,
        top_p=question.top_p, repetition_penalty=question.repetition_penalty, seed=0,
    )  # fmt: skip
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
    applied: dict[Stage, tuple[float, float, Callable[[Logits], Logits]]] = {  # value, value that turns it off, stage
        "repetition_penalty": (
            question.repetition_penalty, 1.0,
            lambda logits: apply_repetition_penalty(logits, input_ids, question.repetition_penalty),
        ),
        "temperature": (question.temperature, 1.0, lambda logits: logits / np.float32(question.temperature)),
        "top_k": (question.top_k, 0, lambda logits: apply_top_k(logits, question.top_k)),
        "top_p": (question.top_p, 1.0, lambda logits: apply_top_p(logits, question.top_p)),
    }  # fmt: skip
    stages = []
    for name, (value, off, apply) in applied.items():
        old_scores, is_on = scores, value != off
        if is_on:
            scores = apply(old_scores)
        after = _distribution(scores, codec, has_logits=engine.has_logits)
        stages.append(_stage(name, float(value), old_scores, scores, after, codec, is_on=is_on))
    return SamplerStages(question.prompt, tuple(input_ids), parameters, before, tuple(stages))


def apply_repetition_penalty(logits: Logits, input_ids: list[int], penalty: float) -> Logits:
    """Apply the repetition penalty to the prompt's tokens (Keskar et al. 2019, CTRL, section 4.1)."""
    ids = np.unique(np.asarray(input_ids))
    changed, old = logits.copy(), logits[ids]
    factor = np.float32(penalty)
    changed[ids] = np.where(old < 0, old * factor, old / factor)
    return changed


def apply_top_k(logits: Logits, k: int) -> Logits:
    """Remove tokens less likely than the kth. Ties with the kth stay."""
    least = np.partition(logits, -min(k, logits.size))[-min(k, logits.size)]
    return np.where(logits < least, np.float32(-np.inf), logits)


def apply_top_p(logits: Logits, p: float) -> Logits:
    """Keep only the likeliest tokens that together reach probability `p` (Holtzman et al. 2020, nucleus sampling)."""
    order = np.argsort(logits, kind="stable")
    # transformers sums float32 probabilities in double precision and compares in float32.
    cumulative = np.cumsum(_softmax(logits)[order].astype(np.float32), dtype=np.float64).astype(np.float32)
    cut = order[cumulative <= np.float32(1 - p)]
    changed = logits.copy()
    changed[cut[cut != order[-1]]] = -np.inf
    return changed


def _softmax(logits: Logits) -> NDArray[np.float64]:
    exponentials = np.exp(logits.astype(np.float64) - logits.max())
    normalized: NDArray[np.float64] = exponentials / exponentials.sum()
    return normalized


def _distribution(scores: Logits, codec: TextCodec, *, has_logits: bool) -> Distribution:
    probabilities = _softmax(scores)
    possible = probabilities[probabilities > 0]
    left = int((scores > -np.inf).sum())
    total = float(np.logaddexp.reduce(scores.astype(np.float64)))
    order = np.argsort(-scores, kind="stable")[: min(SHOWN, left)].tolist()
    return Distribution(
        tokens_left=left,
        entropy=abs(float((possible * np.log2(possible)).sum())),
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
