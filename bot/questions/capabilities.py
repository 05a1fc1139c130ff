"""How exactly an engine answers each question, compared with plain transformers in the same dtype."""

from dataclasses import dataclass
from typing import Literal

from bot.questions.language_model import ModelInfo

Level = Literal["exact", "within rounding", "own draws", "refused"]


@dataclass(frozen=True, slots=True)
class Capability:
    """What an engine can do for some questions, with the measured tolerance or the reason."""

    questions: str
    level: Level
    note: str


# Measured by `make test-vllm` with vLLM 0.32 in float32: all ids equal, and log-probabilities within 3.1e-5.
_SAME = "the ids of plain transformers, and log-probabilities within 0.0001"
_ROUNDED = "the server's rounding can change the order of almost equal tokens"


def capabilities(model: ModelInfo) -> tuple[Capability, ...]:
    """Return what the engine of `model` can do."""
    if model.engine == "transformers":
        same = "the ids of plain transformers, and probabilities within 0.00001"
        return (Capability("every question", "exact", same),)
    level: Level = "exact" if model.dtype == "float32" else "within rounding"
    computed = _SAME if level == "exact" else _ROUNDED
    return (
        Capability("/tokenize", "exact", "the model's own tokenizer"),
        Capability("/topk, /xray, /guess, /sentiment, /decide, /sampler, /contrast, /why, reviews", level, computed),
        Capability("/continue and /compare, greedy and beam", level, computed),
        Capability(
            "sampled texts and tokens", "own draws", "the same seed gives another result than with transformers"
        ),
        Capability("/layers", "refused", "the server returns no hidden states"),
        Capability("nightword diff", "refused", "it loads two models one after the other, and a server has only one"),
        Capability(
            "/continue with top_h, typical_p, epsilon_cutoff, eta_cutoff, or no_repeat_ngram_size without beams",
            "refused",
            "vLLM's sampler doesn't have these stages",
        ),
        Capability(
            "/continue with min_p and a top_p below 1", "refused", "vLLM applies min_p before top_p; set top_p to 1"
        ),
        Capability("/sampler with repetition_penalty", "refused", "a penalty needs logits, which are not available"),
    )
