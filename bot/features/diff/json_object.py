"""A diff as a JSON object."""

from bot.questions.diff import Diff, Divergence, Part
from bot.questions.tokens import TokenProbability
from bot.questions.xray import Surprisals
from bot.rendering.json_objects import JsonObject, model_object, token_object


def diff_object(diff: Diff) -> JsonObject:
    """Return both models, each token's surprisals under both in bits, and the divergences.

    With different tokens, `tokens` is null, and `tokens_a`, `tokens_b` and `spans` take its place. What is not measured
    is null, and so is a perplexity beyond 1e304.
    """
    bits_a, bits_b = diff.bits_per_character
    most_divergent = diff.most_divergent()
    return {
        "command": "diff",
        "a": model_object(diff.model_a),
        "b": model_object(diff.model_b),
        "text": diff.text,
        "same_tokens": diff.has_same_tokens,
        "perplexity_a": diff.a.perplexity,
        "perplexity_b": diff.b.perplexity,
        "bits_per_character_a": bits_a,
        "bits_per_character_b": bits_b,
        "no_kl": diff.no_divergence or None,
        "kl_mean": _divergence_object(diff.mean_divergence),
        "kl_largest": _divergence_object(diff.largest_divergence),
        "kl_largest_at": most_divergent,
        "parts_at": diff.parts_at,
        "parts_by": [] if diff.parts_at is None else list(diff.parts[diff.parts_at].reasons),
        **(_token_objects(diff) if diff.has_same_tokens else _span_objects(diff)),
    }


def _token_objects(diff: Diff) -> JsonObject:
    return {
        "tokens": [
            {
                **token_object(entry.token),
                "special": entry.is_special,
                "surprisal_a": part.bits_a,
                "surprisal_b": part.bits_b,
                **(_divergence_object(part.divergence) or {"kl_a_b_bits": None, "kl_b_a_bits": None}),
                "most_probable_a": _favourite_object(part.favourite_a),
                "most_probable_b": _favourite_object(part.favourite_b),
            }
            for entry, part in zip(diff.a.tokens, diff.parts, strict=True)
        ]
    }


def _span_objects(diff: Diff) -> JsonObject:
    start, spans = 0, []
    for part in diff.parts:
        spans.append(_span_object(part, start))
        start += len(part.text)
    return {"tokens": None, "tokens_a": _measured(diff.a), "tokens_b": _measured(diff.b), "spans": spans}


def _span_object(part: Part, start: int) -> JsonObject:
    return {
        "start": start,
        "end": start + len(part.text),
        "text": part.text,
        "tokens_a": list(part.tokens_a),
        "tokens_b": list(part.tokens_b),
        "bits_a": part.bits_a,
        "bits_b": part.bits_b,
    }


def _measured(surprisals: Surprisals) -> list[JsonObject]:
    return [
        {
            **token_object(entry.token),
            "special": entry.is_special,
            "surprisal": entry.likelihood.surprisal if entry.is_measured and entry.likelihood is not None else None,
        }
        for entry in surprisals.tokens
    ]


def _divergence_object(divergence: Divergence | None) -> JsonObject | None:
    return None if divergence is None else {"kl_a_b_bits": divergence.a_b, "kl_b_a_bits": divergence.b_a}


def _favourite_object(favourite: TokenProbability | None) -> JsonObject | None:
    return None if favourite is None else {**token_object(favourite.token), "probability": favourite.probability}
