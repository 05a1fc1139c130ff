"""How much each token of a text surprises the model."""

from bot.engine.likelihoods import likelihoods, most_probable_of_each
from bot.engine.tokenizer import TextCodec
from bot.engine.transformers.forward_passes import ForwardPasses
from bot.questions.xray import Surprisals, TokenSurprisal

FAVOURITES = 5  # shown for each position


def surprisals(passes: ForwardPasses, codec: TextCodec, text: str, input_ids: list[int]) -> Surprisals:
    """Return the likelihood of each of `input_ids` after those before it, and the model's favourites there."""
    tokens = [TokenSurprisal(codec.token(input_ids[0]), None, (), codec.is_special(input_ids[0]))]
    for logits in passes.logits_after(input_ids[:-1]):
        ids = input_ids[len(tokens) : len(tokens) + len(logits)]
        tokens += [
            TokenSurprisal(codec.token(id_), likelihood, favourites, codec.is_special(id_))
            for id_, likelihood, favourites in zip(
                ids, likelihoods(logits, ids), most_probable_of_each(logits, FAVOURITES, codec), strict=True
            )
        ]
    return Surprisals(text, tuple(tokens), codec.measured_characters(input_ids))
