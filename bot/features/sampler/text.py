"""The stages of the sampler as tables, and why a token was cut."""

from bot.questions.sampler import CutToken, SamplerStage, SamplerStages
from bot.rendering.escaping import visible_token
from bot.rendering.tables import percentage, table


def stages_table(result: SamplerStages) -> str:
    """Return what each stage left and cut, and why; tokens that are not among the first any more have "–" after it."""
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
    after = {one.token.id: percentage(one.probability) for one in result.stages[-1].after.top}
    first = [
        (percentage(one.probability), after.get(one.token.id, "–"), visible_token(one.token.text))
        for one in result.before.top
    ]
    parts.append(table(("before", "after", "token"), first, right=(0, 1)))
    parts += [
        "\n".join([f"{stage.name} cut", *(cut_reason(stage, one) for one in stage.cut[:3])])
        for stage in result.stages
        if stage.cut
    ]
    return "\n\n".join(parts)


def cut_reason(stage: SamplerStage, one: CutToken) -> str:
    """Return why a stage cut a token."""
    shown = f"{visible_token(one.token.text)} ({percentage(one.probability)})"
    if stage.name == "top_k":
        return f"{shown}: rank {one.rank:,}, beyond top_k {stage.value:g}"
    before = f"{one.rank - 1:,} more probable ones have" if one.rank > 2 else "the more probable one has"
    return f"{shown}: {before} {percentage(one.probability_before)}, enough for top_p {stage.value:g}"
