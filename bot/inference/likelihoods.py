"""From logits to probabilities: of given tokens, and of the most probable ones."""

from collections.abc import Sequence

import torch

from bot.inference.exploration import Likelihood
from bot.inference.forward_passes import ForwardPasses
from bot.inference.model import TokenProbability
from bot.inference.text_codec import TextCodec


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


def most_probable(logits: torch.Tensor, k: int, codec: TextCodec) -> tuple[TokenProbability, ...]:
    """Return the `k` most probable tokens, best first: softmax of `logits` [vocabulary]."""
    probabilities = logits.softmax(-1)
    top = logits.topk(min(k, logits.shape[0]))
    return tuple(
        TokenProbability(rank, codec.token(id_), logit, probabilities[id_].item())
        for rank, (logit, id_) in enumerate(zip(top.values.tolist(), top.indices.tolist(), strict=True), start=1)
    )
