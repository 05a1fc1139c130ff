"""The sampler's stages as an embed: what each did to the next token's distribution, and why."""

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
    """Return each of the first tokens with its probability before and after, or the stage that cut it."""
    last = result.stages[-1].after
    before = {one.token.id: one.probability for one in result.before.top}
    after = {one.token.id: one.probability for one in last.top}
    tokens: dict[int, Token] = {one.token.id: one.token for one in (*result.before.top, *last.top)}
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
    """Return what a stage did and why, and what it left."""
    if not stage.is_on:
        return f"Off: {_OFF[stage.name]} changes nothing."
    return f"{_WHY[stage.name](stage)}\n→ {size(stage.after)}"


def size(distribution: Distribution) -> str:
    """Return how many tokens can still come, and how open it is which."""
    count = distribution.tokens_left
    return f"**{count:,}** token{'' if count == 1 else 's'}, entropy **{distribution.entropy:.2f} bits**"


def _penalised(stage: SamplerStage) -> str:
    less = "less" if stage.value > 1 else "more"
    return (
        f"Logits of tokens that are in the prompt already are divided by {stage.value:g} where they are above 0, and "
        f"multiplied by it below: what was there comes {less} easily. Nothing is cut."
    )


def _tempered(stage: SamplerStage) -> str:
    way = "what is likely becomes likelier" if stage.value < 1 else "the unlikely gains"
    return f"All logits are divided by {stage.value:g}: {way}. Nothing is cut."


def _top_k(stage: SamplerStage) -> str:
    return f"Only the {stage.value:g} most probable stay. {_cut(stage)}"


def _top_p(stage: SamplerStage) -> str:
    reached = f"The most probable stay until together they have {percentage(stage.value)}."
    return f"{reached} {_cut(stage, lambda one: f'; before it stands {percentage(one.probability_before)}')}"


def _cut(stage: SamplerStage, more: Callable[[CutToken], str] = lambda _: "") -> str:
    if not stage.tokens_cut:
        return "None had to go."
    cut = f"Cut: {stage.tokens_cut:,} with {percentage(stage.mass_cut)} of what came in"
    if not stage.cut:
        return f"{cut}."
    first = stage.cut[0]
    named = f"{token_in_prose(first.token.text)}, rank {first.rank:,}, {percentage(first.probability)}"
    return f"{cut}. The first: {named}{more(first)}."


_WHY = {"repetition_penalty": _penalised, "temperature": _tempered, "top_k": _top_k, "top_p": _top_p}


def _fate(result: SamplerStages, id_: int) -> str:
    """Return the stage that cut a token, or that it is no longer among the first."""
    for stage in result.stages:
        if any(one.token.id == id_ for one in stage.cut):
            return stage.name
    last = result.stages[-1].after
    return "cut" if last.tokens_left == len(last.top) else "lower"
