"""From logits to probabilities: of given tokens, and of the most probable ones."""

from collections.abc import Sequence

import torch

from bot.engine.tokenizer import TextCodec
from bot.engine.transformers.forward_passes import ForwardPasses
from bot.questions.tokens import Likelihood, TokenProbability


def likelihoods(logits: torch.Tensor, ids: Sequence[int]) -> list[Likelihood]:
    """Return the likelihood of each of `ids`, given the logits [ids, vocabulary] before it."""
    own = logits.gather(1, torch.tensor(list(ids))[:, None])
    log_probabilities = (own[:, 0] - logits.logsumexp(-1)).clamp(max=0)
    ranks = (logits > own).sum(-1) + 1
    return [Likelihood(*pair) for pair in zip(log_probabilities.tolist(), ranks.tolist(), strict=True)]


def likelihoods_after(passes: ForwardPasses, input_ids: list[int], output_ids: Sequence[int]) -> list[Likelihood]:
    """Return the likelihood of each of `output_ids` after `input_ids` and those before it."""
    found: list[Likelihood] = []
    for logits in passes.logits_after([*input_ids, *output_ids[:-1]], first=len(input_ids) - 1):
        found += likelihoods(logits, output_ids[len(found) : len(found) + len(logits)])
    return found


def scored(logits: torch.Tensor, ids: Sequence[int], codec: TextCodec) -> tuple[TokenProbability, ...]:
    """Return rank and probability of each of `ids`: softmax of `logits` [vocabulary]."""
    if not ids:
        return ()
    found = likelihoods(logits.expand(len(ids), -1), ids)
    probabilities = logits.softmax(-1)
    return tuple(
        TokenProbability(one.rank, codec.token(id_), logits[id_].item(), probabilities[id_].item())
        for id_, one in zip(ids, found, strict=True)
    )


def most_probable(logits: torch.Tensor, k: int, codec: TextCodec) -> tuple[TokenProbability, ...]:
    """Return the `k` most probable tokens, best first: softmax of `logits` [vocabulary]."""
    return most_probable_of_each(logits[None], k, codec)[0]


def most_probable_of_each(logits: torch.Tensor, k: int, codec: TextCodec) -> list[tuple[TokenProbability, ...]]:
    """Return `most_probable` of each of several logits [positions, vocabulary]."""
    top = logits.topk(min(k, logits.shape[1]))
    probabilities = logits.softmax(-1).gather(1, top.indices)
    rows = zip(top.indices.tolist(), top.values.tolist(), probabilities.tolist(), strict=True)
    return [
        tuple(
            TokenProbability(rank, codec.token(id_), logit, probability)
            for rank, (id_, logit, probability) in enumerate(zip(*row, strict=True), start=1)
        )
        for row in rows
    ]
