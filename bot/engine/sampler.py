"""The next token's distribution on its way through the sampler, stage by stage, by transformers' own processors."""

import torch

from bot.engine.likelihoods import most_probable
from bot.engine.tokenizer import TextCodec
from bot.engine.transformers.decoding import processors
from bot.engine.transformers.forward_passes import ForwardPasses
from bot.questions.generation import GenerationParameters
from bot.questions.sampler import CutToken, Distribution, SamplerStage, SamplerStages, Stage

STAGES: tuple[Stage, ...] = ("repetition_penalty", "temperature", "top_k", "top_p")  # in transformers' order
SHOWN = 10  # tokens of each distribution, and of those that were cut


def sampler_stages(
    passes: ForwardPasses, codec: TextCodec, prompt: str, parameters: GenerationParameters
) -> SamplerStages:
    """Return the distribution after `prompt`, before and after each stage of a sample with `parameters`."""
    input_ids = codec.encode(prompt)
    scores = passes.last_logits(input_ids)
    before = _distribution(scores, codec)
    used = parameters.used()
    applied = processors(parameters)
    stages = []
    for name in STAGES:
        entered, processor = scores, applied.get(name)
        if processor is not None:
            scores = processor(torch.tensor([input_ids]), entered[None])[0]
        stages.append(_stage(name, float(used[name]), entered, scores, codec, is_on=processor is not None))
    return SamplerStages(prompt, tuple(input_ids), parameters, before, tuple(stages))


def _distribution(scores: torch.Tensor, codec: TextCodec) -> Distribution:
    probabilities = scores.double().softmax(-1)
    left = int((scores > -torch.inf).sum())
    entropy = torch.special.entr(probabilities).sum() / torch.log(torch.tensor(2.0))
    return Distribution(left, entropy.item(), most_probable(scores, min(SHOWN, left), codec))


def _stage(
    name: Stage, value: float, entered: torch.Tensor, left: torch.Tensor, codec: TextCodec, *, is_on: bool
) -> SamplerStage:
    """Return what became of the scores that `entered`, of which those that were cut are minus infinity."""
    probabilities = entered.double().softmax(-1)
    was_cut = (left == -torch.inf) & (entered > -torch.inf)
    order = entered.argsort(descending=True, stable=True)
    cumulative = probabilities[order].cumsum(0)
    ranks = was_cut[order].nonzero()[:SHOWN, 0].tolist()  # from 0
    cut = tuple(
        CutToken(
            rank + 1,
            codec.token(int(order[rank])),
            probabilities[order[rank]].item(),
            cumulative[rank - 1].item() if rank else 0.0,
        )
        for rank in ranks
    )
    return SamplerStage(
        name=name,
        value=value,
        is_on=is_on,
        after=_distribution(left, codec),
        tokens_cut=int(was_cut.sum()),
        mass_cut=probabilities[was_cut].sum().item(),
        cut=cut,
    )
