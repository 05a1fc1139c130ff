"""The sampler's stages as an embed: what each did to the next-token distribution, and why."""

from collections.abc import Callable

import discord

from bot.answers.answer import BLURPLE, Answer, footer
from bot.questions.language_model import RunInfo
from bot.questions.sampler import CutToken, Distribution, SamplerStage, SamplerStages
from bot.questions.tokens import Token
from bot.rendering.escaping import code_block, visible_token
from bot.rendering.prose import prompt_excerpt, token_in_prose
from bot.rendering.tables import PHONE_WIDTH, percentage, table

_OFF = {"repetition_penalty": "1", "temperature": "1", "top_k": "0", "top_p": "1"}


def sampler_answer(result: SamplerStages, run: RunInfo) -> Answer:
    """Show the distribution before the first stage and after the last, and what each stage did to it."""
    shown = code_block(sampler_table(result, PHONE_WIDTH))
    embed = discord.Embed(
        title="Sampler",
        description=f"{prompt_excerpt(result.prompt).text} **▁**\n{shown}\nBefore: {size(result.before)}",
        colour=BLURPLE,
    )
    for number, stage in enumerate(result.stages, start=1):
        embed.add_field(name=f"{number}. {stage.name} {stage.value:g}", value=stage_text(stage), inline=False)
    embed.set_footer(text=footer(run))
    return Answer(embed)


def sampler_table(result: SamplerStages, columns: int | None = None) -> str:
    """Return the most probable tokens with their probabilities before and after, or the stage that cut them."""
    last = result.stages[-1].after
    before = {entry.token.id: entry.probability for entry in result.before.top}
    after = {entry.token.id: entry.probability for entry in last.top}
    tokens: dict[int, Token] = {entry.token.id: entry.token for entry in (*result.before.top, *last.top)}
    rows = [
        (
            percentage(before[id_]) if id_ in before else "",
            percentage(after[id_]) if id_ in after else _fate(result, id_),
            visible_token(token.text),
        )
        for id_, token in tokens.items()
    ]
    return table(("before", "after", "token"), rows, right=(0, 1), columns=columns)


def stage_text(stage: SamplerStage) -> str:
    """Return what a stage did and why, and the distribution after it."""
    if not stage.is_on:
        return f"Off: a value of {_OFF[stage.name]} changes nothing."
    return f"{_WHY[stage.name](stage)}\n→ {size(stage.after)}"


def size(distribution: Distribution) -> str:
    """Return the number of tokens left, and the entropy."""
    count = distribution.tokens_left
    return f"**{count:,}** token{'' if count == 1 else 's'}, entropy **{distribution.entropy:.2f} bits**"


def _penalty_text(stage: SamplerStage) -> str:
    less = "less" if stage.value > 1 else "more"
    return (
        f"For tokens that are already in the prompt, positive logits are divided by {stage.value:g} and negative ones "
        f"multiplied by it, so these tokens become {less} likely. Nothing is cut."
    )


def _temperature_text(stage: SamplerStage) -> str:
    effect = "likely tokens become more likely" if stage.value < 1 else "unlikely tokens become more likely"
    return f"All logits are divided by {stage.value:g}, so {effect}. Nothing is cut."


def _top_k_text(stage: SamplerStage) -> str:
    kept = "the most probable token" if stage.value == 1 else f"the {stage.value:g} most probable tokens"
    return f"Keeps {kept}. {_cut_text(stage)}"


def _top_p_text(stage: SamplerStage) -> str:
    kept = f"Keeps the most probable tokens until their total reaches {percentage(stage.value)}."
    return f"{kept} {_cut_text(stage, _total_before_text)}"


def _total_before_text(cut: CutToken) -> str:
    return f" The tokens ranked above it already total {percentage(cut.probability_before)}."


def _cut_text(stage: SamplerStage, more: Callable[[CutToken], str] = lambda _: "") -> str:
    if not stage.tokens_cut:
        return "No tokens were cut."
    tokens = "1 token" if stage.tokens_cut == 1 else f"{stage.tokens_cut:,} tokens"
    cut = f"Cut: {tokens} with {percentage(stage.mass_cut)} of the probability"
    if not stage.cut:
        return f"{cut}."
    first = stage.cut[0]
    named = f"{token_in_prose(first.token.text)}, rank {first.rank:,}, {percentage(first.probability)}"
    return f"{cut}. The most probable of them: {named}.{more(first)}"


_WHY = {
    "repetition_penalty": _penalty_text,
    "temperature": _temperature_text,
    "top_k": _top_k_text,
    "top_p": _top_p_text,
}


def _fate(result: SamplerStages, id_: int) -> str:
    """Return the stage that cut a token, "cut" if the stage isn't known, or "lower" if the token may still be kept."""
    for stage in result.stages:
        if any(entry.token.id == id_ for entry in stage.cut):
            return stage.name
    last = result.stages[-1].after
    return "cut" if last.tokens_left == len(last.top) else "lower"
