"""Results as JSON objects, for programs."""

from typing import Any

from bot.questions.continuation import Continuation
from bot.questions.language_model import ModelInfo
from bot.questions.sentiment import Sentiment
from bot.questions.tokenization import Tokenization
from bot.questions.tokens import NextTokens

JsonObject = dict[str, Any]


def next_tokens_object(result: NextTokens, model: ModelInfo) -> JsonObject:
    """Return the next-token distribution, best first."""
    return {
        "command": "topk",
        "model": model_object(model),
        "prompt": result.prompt,
        "input_ids": list(result.input_ids),
        "tokens": [
            {
                "rank": candidate.rank,
                "id": candidate.token.id,
                "token": candidate.token.text,
                "logit": candidate.logit,
                "probability": candidate.probability,
            }
            for candidate in result.candidates
        ],
    }


def continuation_object(result: Continuation, model: ModelInfo) -> JsonObject:
    """Return the continuation: new ids only, and the text that they add."""
    return {
        "command": "continue",
        "model": model_object(model),
        "prompt": result.prompt,
        "parameters": result.parameters.used(),
        "input_ids": list(result.input_ids),
        "output_ids": list(result.output_ids),
        "text": result.text,
        "finish_reason": result.finish_reason,
    }


def sentiment_object(result: Sentiment, model: ModelInfo) -> JsonObject:
    """Return the verdict and its evidence; the probabilities are between the two labels."""
    return {
        "command": "sentiment",
        "model": model_object(model),
        "label": result.label,
        "logits": {"positive": result.positive_logit, "negative": result.negative_logit},
        "probabilities": {"positive": result.positive_probability, "negative": result.negative_probability},
        "label_mass": result.label_mass,
    }


def tokenization_object(result: Tokenization, model: ModelInfo) -> JsonObject:
    """Return the tokens in order."""
    return {
        "command": "tokenize",
        "model": model_object(model),
        "text": result.text,
        "tokens": [{"id": token.id, "token": token.text} for token in result.tokens],
    }


def model_object(model: ModelInfo) -> JsonObject:
    """Return which model computed, and in what."""
    return {"name": model.name, "revision": model.revision, "dtype": model.dtype, "device": model.device}
