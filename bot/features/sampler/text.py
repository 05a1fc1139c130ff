"""Why a stage of the sampler cut a token, and which tokens an answer shows."""

import math

from bot.questions.sampler import TOP_H_TOKENS, CutToken, Distribution, SamplerStage, SamplerStages
from bot.questions.tokens import Token
from bot.rendering.tables import percentage


def shown_tokens(result: SamplerStages, most: int) -> list[Token]:
    """Return the most probable tokens before the first stage, and then after the last, each once.

    A third of the places is for tokens that only the stages have made probable.
    """
    before, after = ([entry.token for entry in part.top] for part in (result.before, result.after))
    tokens = {token.id: token for token in (*before[: most - most // 3], *after, *before)}
    return list(tokens.values())[:most]


def cut_reason(stage: SamplerStage, entry: CutToken, before: Distribution) -> str:
    """Return why a stage cut a token, as a clause. `before` is the distribution before the stage."""
    match stage.name:
        case "no_repeat_ngram_size":
            if stage.value == 1:
                return "it is already in the text"
            return f"it would repeat a sequence of {stage.value:g} tokens"
        case "top_h":
            if entry.rank > TOP_H_TOKENS:
                return f"rank {entry.rank:,}, beyond the {TOP_H_TOKENS} tokens that top_h can keep"
            return f"rank {entry.rank:,}, beyond {stage.value:g} of the entropy"
        case "top_k":
            return f"rank {entry.rank:,}, beyond top_k {stage.value:g}"
        case "top_p":
            above = f"{entry.rank - 1:,} more probable tokens have" if entry.rank > 2 else "the more probable token has"
            return f"{above} {percentage(entry.probability_before)}, enough for top_p {stage.value:g}"
        case "min_p":
            return f"below {stage.value:g} of the likeliest one's {percentage(before.top[0].probability)}"
        case "typical_p":
            bits = -math.log2(entry.probability) if entry.probability else math.inf
            return f"its {bits:.2f} bits are too far from the entropy, {before.entropy:.2f} bits"
        case "epsilon_cutoff":
            return f"below epsilon_cutoff {stage.value:g}"
        case "eta_cutoff":
            limit = min(stage.value, math.sqrt(stage.value) * 2**-before.entropy)
            return f"below {percentage(limit)}, the limit at {before.entropy:.2f} bits of entropy"
    raise ValueError(f"{stage.name} cuts no tokens")
