"""How much each token of a text surprises the model."""

from bot.inference.exploration import Surprisals, TokenSurprisal
from bot.inference.forward_passes import ForwardPasses
from bot.inference.likelihoods import likelihoods, most_probable
from bot.inference.text_codec import TextCodec

FAVOURITES = 5  # shown for each position


def surprisals(passes: ForwardPasses, codec: TextCodec, text: str, input_ids: list[int]) -> Surprisals:
    """Return the likelihood of each of `input_ids` after those before it, and the model's favourites there."""
    tokens = [TokenSurprisal(codec.token(input_ids[0]), None, ())]
    for logits in passes.logits_after(input_ids[:-1]):
        ids = input_ids[len(tokens) : len(tokens) + len(logits)]
        tokens += [
            TokenSurprisal(codec.token(id_), likelihood, most_probable(row, FAVOURITES, codec))
            for id_, likelihood, row in zip(ids, likelihoods(logits, ids), logits, strict=True)
        ]
    return Surprisals(text, tuple(tokens), codec.characters_after_first(input_ids))
