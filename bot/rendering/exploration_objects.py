"""The explorer's results as JSON objects, for programs."""

from bot.questions.comparison import BeamCandidate, Comparison
from bot.questions.language_model import ModelInfo
from bot.questions.sampler import Distribution, SamplerStages
from bot.questions.sentiment import SentimentEvidence
from bot.questions.tokens import Token, TokenProbability
from bot.questions.topk import Walk
from bot.questions.xray import Surprisals
from bot.rendering.json_objects import JsonObject, model_object, sentiment_object


def walk_object(result: Walk, model: ModelInfo) -> JsonObject:
    """Return a walk's steps and what can come next, with the model's own probabilities and those at the temperature."""
    return {
        "command": "topk",
        "model": model_object(model),
        "prompt": result.prompt,
        "input_ids": list(result.input_ids),
        "temperature": result.temperature,
        "log_probability": result.log_probability,
        "steps": [
            {**_token(one.token), "log_probability": one.likelihood.log_probability, "rank": one.likelihood.rank}
            for one in result.steps
        ],
        "tokens": [
            {**_candidate(one.candidate), "probability_at_temperature": one.probability_at_temperature}
            for one in result.candidates
        ],
    }


def surprisals_object(result: Surprisals, model: ModelInfo) -> JsonObject:
    """Return each token with its natural-log probability, rank and surprisal in bits, null for the first.

    Special tokens are in none of the figures of the whole text. The perplexity is null beyond 1e304.
    """
    return {
        "command": "xray",
        "model": model_object(model),
        "text": result.text,
        "perplexity": result.perplexity,
        "bits_per_character": result.bits_per_character,
        "most_surprising": list(result.most_surprising()),
        "tokens": [
            {
                **_token(one.token),
                "log_probability": None if one.likelihood is None else one.likelihood.log_probability,
                "rank": None if one.likelihood is None else one.likelihood.rank,
                "surprisal": None if one.likelihood is None else one.likelihood.surprisal,
                "special": one.is_special,
                "favourites": [_candidate(candidate) for candidate in one.favourites],
            }
            for one in result.tokens
        ],
    }


def comparison_object(result: Comparison, model: ModelInfo) -> JsonObject:
    """Return each text with its scores, and the beam tree of the search without penalty."""
    return {
        "command": "compare",
        "model": model_object(model),
        "prompt": result.prompt,
        "input_ids": list(result.texts[0].continuation.input_ids),
        "texts": [
            {
                "name": one.name,
                "parameters": one.continuation.parameters.used(),
                "output_ids": list(one.continuation.output_ids),
                "text": one.continuation.text,
                "finish_reason": one.continuation.finish_reason,
                "log_probability": one.log_probability,
                "mean_log_probability": one.mean_log_probability,
                "search_score": one.search_score,
                "distinct_share": one.distinct_share,
            }
            for one in result.texts
        ],
        "tree": {
            "num_beams": result.tree.num_beams,
            "winner": list(result.tree.winner),
            "steps": [[_beam(one) for one in step.candidates] for step in result.tree.steps],
        },
    }


def stages_object(result: SamplerStages, model: ModelInfo) -> JsonObject:
    """Return the distribution before the sampler and after each of its stages."""
    return {
        "command": "sampler",
        "model": model_object(model),
        "prompt": result.prompt,
        "input_ids": list(result.input_ids),
        "before": _distribution(result.before),
        "stages": [
            {
                "name": stage.name,
                "value": stage.value,
                "is_on": stage.is_on,
                "tokens_cut": stage.tokens_cut,
                "mass_cut": stage.mass_cut,
                "cut": [
                    {
                        "rank": one.rank,
                        **_token(one.token),
                        "probability": one.probability,
                        "probability_before": one.probability_before,
                    }
                    for one in stage.cut
                ],
                "after": _distribution(stage.after),
            }
            for stage in result.stages
        ],
    }


def evidence_object(result: SentimentEvidence, model: ModelInfo) -> JsonObject:
    """Return the verdict as `sentiment_object` has it, each word's effect on the margin, and the calibrated verdict."""
    calibration = result.calibration
    return {
        **sentiment_object(result.sentiment, model),
        "margin": result.margin,
        "words_together": result.words_together,
        "words": [{"start": one.start, "end": one.end, "text": one.text, "effect": one.effect} for one in result.words],
        "calibration": {
            "label": calibration.label,
            "probabilities": {
                "positive": calibration.positive_probability,
                "negative": calibration.negative_probability,
            },
            "content_free": {
                "positive": calibration.content_free_positive,
                "negative": calibration.content_free_negative,
            },
        },
    }


def _token(token: Token) -> JsonObject:
    return {"id": token.id, "token": token.text}


def _candidate(candidate: TokenProbability) -> JsonObject:
    return {
        "rank": candidate.rank,
        **_token(candidate.token),
        "logit": candidate.logit,
        "probability": candidate.probability,
    }


def _distribution(distribution: Distribution) -> JsonObject:
    return {
        "tokens_left": distribution.tokens_left,
        "entropy": distribution.entropy,
        "tokens": [_candidate(one) for one in distribution.top],
    }


def _beam(one: BeamCandidate) -> JsonObject:
    return {
        "parent": one.parent,
        **_token(one.token),
        "log_probability": one.log_probability,
        "score": one.score,
        "fate": one.fate,
        "row": one.row,
    }
