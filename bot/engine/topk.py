"""A walk along tokens that somebody chooses: what each choice was worth, and what can come next."""

from collections.abc import Sequence

import torch

from bot.engine.likelihoods import likelihoods, most_probable, scored
from bot.engine.tokenizer import TextCodec
from bot.engine.transformers.decoding import Choice, processors
from bot.engine.transformers.forward_passes import ForwardPasses
from bot.questions.generation import GenerationParameters
from bot.questions.tokens import TokenProbability
from bot.questions.topk import Walk, WalkCandidate, WalkStep


def walk(
    passes: ForwardPasses, codec: TextCodec, prompt: str, chosen_ids: Sequence[int], k: int, temperature: float
) -> Walk:
    """Return the likelihood of each of `chosen_ids` after `prompt`, and the `k` candidates for the next one."""
    parameters = _only_temperature(temperature, seed=0)
    input_ids = codec.encode(prompt)
    path = codec.with_path(input_ids, chosen_ids)
    steps: list[WalkStep] = []
    for logits in passes.logits_after(path, first=len(input_ids) - 1):
        chosen = chosen_ids[len(steps) : len(steps) + len(logits)]  # nothing is chosen yet after the last
        found = likelihoods(logits[: len(chosen)], chosen) if chosen else []
        steps += [WalkStep(codec.token(id_), likelihood) for id_, likelihood in zip(chosen, found, strict=True)]
        last = logits[-1]
    at_temperature = _processed(path, last, parameters).softmax(-1)
    return Walk(
        prompt=prompt,
        input_ids=tuple(input_ids),
        steps=tuple(steps),
        text=codec.added_text(input_ids, chosen_ids),
        temperature=temperature,
        candidates=tuple(
            WalkCandidate(one, at_temperature[one.token.id].item()) for one in most_probable(last, k, codec)
        ),
        ended=bool(chosen_ids) and chosen_ids[-1] in codec.end_ids,
    )


def drawn(
    passes: ForwardPasses, codec: TextCodec, prompt: str, chosen_ids: Sequence[int], temperature: float, seed: int
) -> TokenProbability:
    """Return the token that `seed` draws next: its draw after as many as are chosen, whatever they are."""
    choose = Choice(_only_temperature(temperature, seed))
    path = codec.with_path(codec.encode(prompt), chosen_ids)
    logits = passes.last_logits(path)
    choose.skip(len(chosen_ids), logits)
    id_ = choose(path, logits)
    return scored(logits, [id_], codec)[0]


def _only_temperature(temperature: float, seed: int) -> GenerationParameters:
    """Return parameters under which every token can be drawn. Raises OptionOutOfRange."""
    return GenerationParameters.from_options(
        strategy="sample", max_new_tokens=1, temperature=temperature, top_k=0, top_p=1.0, seed=seed
    )


def _processed(ids: Sequence[int], logits: torch.Tensor, parameters: GenerationParameters) -> torch.Tensor:
    scores = logits[None]
    for processor in processors(parameters).values():
        scores = processor(torch.tensor([list(ids)]), scores)
    return scores[0]
