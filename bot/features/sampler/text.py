"""Tables of the sampler's stages, and the reason why a token was cut."""

from bot.questions.sampler import CutToken, SamplerStage, SamplerStages
from bot.rendering.escaping import visible_token
from bot.rendering.tables import percentage, table


def stages_table(result: SamplerStages) -> str:
    """Return what each stage kept and cut, and why. "–" marks a token that is no longer among the most probable."""
    rows = [(f"{result.before.tokens_left:,}", f"{result.before.entropy:.2f}", "–", "before")]
    rows += [
        (
            f"{stage.after.tokens_left:,}",
            f"{stage.after.entropy:.2f}",
            percentage(stage.mass_cut),
            f"{stage.name} {stage.value:g}" if stage.is_on else f"{stage.name} off",
        )
        for stage in result.stages
    ]
    parts = [table(("tokens", "entropy", "cut", "stage"), rows, right=(0, 1, 2))]
    after = {entry.token.id: percentage(entry.probability) for entry in result.stages[-1].after.top}
    first = [
        (percentage(entry.probability), after.get(entry.token.id, "–"), visible_token(entry.token.text))
        for entry in result.before.top
    ]
    parts.append(table(("before", "after", "token"), first, right=(0, 1)))
    parts += [
        "\n".join([f"{stage.name} cut", *(cut_reason(stage, entry) for entry in stage.cut[:3])])
        for stage in result.stages
        if stage.cut
    ]
    return "\n\n".join(parts)


def cut_reason(stage: SamplerStage, entry: CutToken) -> str:
    """Return why a stage cut a token."""
    shown = f"{visible_token(entry.token.text)} ({percentage(entry.probability)})"
    if stage.name == "top_k":
        return f"{shown}: rank {entry.rank:,}, beyond top_k {stage.value:g}"
    before = f"{entry.rank - 1:,} more probable tokens have" if entry.rank > 2 else "the more probable token has"
    return f"{shown}: {before} {percentage(entry.probability_before)}, enough for top_p {stage.value:g}"
