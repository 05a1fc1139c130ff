"""The next token's distribution on its way through the sampler, stage by stage.

The stages do what transformers' processors of the same names do, on float32 logits and in the order in which `generate`
applies them.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bot.engine.primitives import Engine
from bot.engine.tokenizer import TextCodec
from bot.questions.generation import GenerationParameters
from bot.questions.sampler import CutToken, Distribution, SamplerQuestion, SamplerStage, SamplerStages, Stage
from bot.questions.tokens import TokenProbability

SHOWN = 10  # tokens of each distribution, and of those that were cut

Logits = NDArray[np.float32]


def sampler_stages(engine: Engine, question: SamplerQuestion) -> SamplerStages:
    """Return the distribution after a prompt, before and after each stage.

    Raises EmptyPrompt, PromptTooLong and OptionOutOfRange.
    """
    parameters = GenerationParameters.from_options(
        strategy="sample", max_new_tokens=1, temperature=question.temperature, top_k=question.top_k,
        top_p=question.top_p, repetition_penalty=question.repetition_penalty, seed=0,
    )  # fmt: skip
    codec = engine.codec
    input_ids = codec.encode(question.prompt)
    scores = engine.next_logits(input_ids)
    before = _distribution(scores, codec)
    applied: dict[Stage, tuple[float, float, Callable[[Logits], Logits]]] = {  # value, value that does nothing, stage
        "repetition_penalty": (
            question.repetition_penalty, 1.0, lambda logits: penalized(logits, input_ids, question.repetition_penalty)
        ),
        "temperature": (question.temperature, 1.0, lambda logits: logits / np.float32(question.temperature)),
        "top_k": (question.top_k, 0, lambda logits: top_k_only(logits, question.top_k)),
        "top_p": (question.top_p, 1.0, lambda logits: top_p_only(logits, question.top_p)),
    }  # fmt: skip
    stages = []
    for name, (value, off, apply) in applied.items():
        entered, is_on = scores, value != off
        if is_on:
            scores = apply(entered)
        stages.append(_stage(name, float(value), entered, scores, codec, is_on=is_on))
    return SamplerStages(question.prompt, tuple(input_ids), parameters, before, tuple(stages))


def penalized(logits: Logits, input_ids: list[int], penalty: float) -> Logits:
    """Make the tokens of a prompt less likely (Keskar et al. 2019, CTRL, section 4.1)."""
    ids = np.unique(np.asarray(input_ids))
    changed, own = logits.copy(), logits[ids]
    factor = np.float32(penalty)
    changed[ids] = np.where(own < 0, own * factor, own / factor)
    return changed


def top_k_only(logits: Logits, k: int) -> Logits:
    """Cut what is less likely than the kth token; what is as likely stays."""
    least = np.partition(logits, -min(k, logits.size))[-min(k, logits.size)]
    return np.where(logits < least, np.float32(-np.inf), logits)


def top_p_only(logits: Logits, p: float) -> Logits:
    """Cut all but the likeliest tokens that together reach a probability (Holtzman et al. 2020, nucleus sampling)."""
    order = np.argsort(logits, kind="stable")
    # transformers adds float32 probabilities up in double precision and compares in float32.
    cumulative = np.cumsum(_softmax(logits)[order].astype(np.float32), dtype=np.float64).astype(np.float32)
    cut = order[cumulative <= np.float32(1 - p)]
    changed = logits.copy()
    changed[cut[cut != order[-1]]] = -np.inf
    return changed


def _softmax(logits: Logits) -> NDArray[np.float64]:
    exponentials = np.exp(logits.astype(np.float64) - logits.max())
    normalized: NDArray[np.float64] = exponentials / exponentials.sum()
    return normalized


def _distribution(scores: Logits, codec: TextCodec) -> Distribution:
    probabilities = _softmax(scores)
    possible = probabilities[probabilities > 0]
    left = int((scores > -np.inf).sum())
    order = np.argsort(-scores, kind="stable")[: min(SHOWN, left)].tolist()
    return Distribution(
        tokens_left=left,
        entropy=abs(float((possible * np.log2(possible)).sum())),
        top=tuple(
            TokenProbability(rank, codec.token(id_), float(scores[id_]), float(probabilities[id_]))
            for rank, id_ in enumerate(order, start=1)
        ),
    )


def _stage(name: Stage, value: float, entered: Logits, left: Logits, codec: TextCodec, *, is_on: bool) -> SamplerStage:
    """Return what became of the scores that `entered`, of which those that were cut are minus infinity."""
    probabilities = _softmax(entered)
    was_cut = (left == -np.inf) & (entered > -np.inf)
    order = np.argsort(-entered, kind="stable")
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
        after=_distribution(left, codec),
        tokens_cut=int(was_cut.sum()),
        mass_cut=float(probabilities[was_cut].sum()),
        cut=cut,
    )
