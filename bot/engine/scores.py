"""From an engine's scores to what people are shown."""

from collections.abc import Iterable

from bot.engine.primitives import TokenScore
from bot.engine.tokenizer import TextCodec
from bot.questions.tokens import Likelihood, TokenProbability


def candidates(scores: Iterable[TokenScore], codec: TextCodec) -> tuple[TokenProbability, ...]:
    """Return tokens with their texts, in the order of `scores`."""
    return tuple(TokenProbability(one.rank, codec.token(one.id), one.logit, one.probability) for one in scores)


def likelihood(score: TokenScore) -> Likelihood:
    """Return what the model thought of a token before it came."""
    return Likelihood(score.log_probability, score.rank)
