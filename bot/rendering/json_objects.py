"""Results as JSON objects."""

from collections.abc import Sequence

from bot.questions.evidence import WordEvidence
from bot.questions.language_model import ModelInfo
from bot.questions.tokens import Token, TokenProbability

JsonObject = dict[str, object]


def model_object(model: ModelInfo) -> JsonObject:
    """Return the model with its dtype and device, and the quantization if its weights have one."""
    return {
        "name": model.name,
        "revision": model.revision,
        "dtype": model.dtype,
        **({"quantization": model.quantization} if model.quantization else {}),
        "device": model.device,
    }


def token_object(token: Token) -> JsonObject:
    """Return the id and the text of a token."""
    return {"id": token.id, "token": token.text}


def candidate_object(candidate: TokenProbability) -> JsonObject:
    """Return a candidate for the next token. It has a log-probability only if its logit is unknown."""
    return {
        "rank": candidate.rank,
        **token_object(candidate.token),
        "logit": candidate.logit,
        "probability": candidate.probability,
        **({"log_probability": candidate.log_probability} if candidate.logit is None else {}),
    }


def word_objects(words: Sequence[WordEvidence]) -> list[JsonObject]:
    """Return each word, or group of words, with its place in the text and its effect."""
    return [{"start": word.start, "end": word.end, "text": word.text, "effect": word.effect} for word in words]
