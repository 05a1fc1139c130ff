"""The sampler's stages as an embed: what each did to the next-token distribution, and why."""

import discord

from bot.answers.answer import BLURPLE, DESCRIPTION_LIMIT, Answer, footer
from bot.features.sampler.text import cut_reason, shown_tokens
from bot.questions.language_model import RunInfo
from bot.questions.sampler import Distribution, SamplerStage, SamplerStages
from bot.rendering.escaping import code_block, visible_token
from bot.rendering.prose import prompt_excerpt, token_in_prose
from bot.rendering.tables import PHONE_WIDTH, percentage, table

MOST_TOKENS = 6  # so that the answer fits on a screen
_NAME_LIMIT = 16  # characters of a token in a sentence


def sampler_answer(result: SamplerStages, run: RunInfo) -> Answer:
    """Show the distribution before the first stage and after the last, and what each stage did to it."""
    shown = code_block(sampler_table(result, PHONE_WIDTH))
    beginning = f"{prompt_excerpt(result.prompt).text} **▁**\n{shown}\n{_before(result)}"
    on = [(before, stage) for before, stage in result.with_before() if stage.is_on]
    heads = [
        f"**{number}. {stage.name} {stage.value:g}** → {size(stage.after)}" for number, (_, stage) in enumerate(on, 1)
    ]
    whole = "\n".join(
        [beginning, *(f"{head}\n{effect_text(stage, before)}" for head, (before, stage) in zip(heads, on, strict=True))]
    )
    if len(whole) > DESCRIPTION_LIMIT:
        whole = "\n".join([beginning, *heads])
    embed = discord.Embed(title="Sampler", description=whole, colour=BLURPLE)
    embed.set_footer(text=footer(run))
    return Answer(embed)


def sampler_table(result: SamplerStages, columns: int | None = None) -> str:
    """Return the most probable tokens with their probabilities before and after, or the stage that cut them."""
    before = {entry.token.id: entry.probability for entry in result.before.top}
    after = {entry.token.id: entry.probability for entry in result.after.top}
    rows = [
        (
            percentage(before[token.id]) if token.id in before else "",
            percentage(after[token.id]) if token.id in after else _fate(result, token.id),
            visible_token(token.text),
        )
        for token in shown_tokens(result, MOST_TOKENS)
    ]
    return table(("before", "after", "token"), rows, right=(0, 1), columns=columns)


def _before(result: SamplerStages) -> str:
    off = [stage.name for stage in result.stages if not stage.is_on]
    return f"Before: {size(result.before)}" + (f". Off: {', '.join(off)}" if off else "")


def size(distribution: Distribution) -> str:
    """Return the number of tokens left, and the entropy."""
    count = distribution.tokens_left
    return f"**{count:,}** token{'' if count == 1 else 's'}, **{distribution.entropy:.2f} bits**"


def effect_text(stage: SamplerStage, before: Distribution) -> str:
    """Return what a stage that is on did, and why. `before` is the distribution before the stage."""
    if stage.name == "repetition_penalty":
        less = "less" if stage.value > 1 else "more"
        return f"Tokens that are already in the prompt become {less} likely."
    if stage.name == "temperature":
        return f"{'Likely' if stage.value < 1 else 'Unlikely'} tokens become more likely."
    if not stage.tokens_cut:
        return "No tokens were cut."
    tokens = "1 token" if stage.tokens_cut == 1 else f"{stage.tokens_cut:,} tokens"
    cut = f"Cut {tokens} ({percentage(stage.mass_cut)})"
    if not stage.cut:
        return f"{cut}."
    first = stage.cut[0]
    named = f"{token_in_prose(first.token.text, _NAME_LIMIT)} {percentage(first.probability)}"
    return f"{cut}, likeliest {named}: {cut_reason(stage, first, before)}."


def _fate(result: SamplerStages, id_: int) -> str:
    """Return the stage that cut a token, "cut" if the stage isn't known, or "lower" if the token may still be kept."""
    for stage in result.stages:
        if any(entry.token.id == id_ for entry in stage.cut):
            return stage.name
    last = result.after
    return "cut" if last.tokens_left == len(last.top) else "lower"
