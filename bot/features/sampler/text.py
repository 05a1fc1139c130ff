"""Why a stage of the sampler cut a token."""

from bot.questions.sampler import CutToken, SamplerStage
from bot.rendering.escaping import visible_token
from bot.rendering.tables import percentage


def cut_reason(stage: SamplerStage, one: CutToken) -> str:
    """Return why a stage cut a token."""
    shown = f"{visible_token(one.token.text)} ({percentage(one.probability)})"
    if stage.name == "top_k":
        return f"{shown}: rank {one.rank:,}, beyond top_k {stage.value:g}"
    before = f"{one.rank - 1:,} more probable ones have" if one.rank > 2 else "the more probable one has"
    return f"{shown}: {before} {percentage(one.probability_before)}, enough for top_p {stage.value:g}"
