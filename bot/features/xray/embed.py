"""A text's surprisals as an embed: figures, the most surprising tokens, and what the model expected in a place."""

from collections import Counter

import discord

from bot.answers.answer import BLURPLE, Answer, footer
from bot.questions.language_model import RunInfo
from bot.questions.tokens import RankClass
from bot.questions.xray import Surprisals
from bot.rendering.escaping import code_block, escape_prose, visible_token
from bot.rendering.prose import quote_excerpt
from bot.rendering.tables import PHONE_WIDTH, bar, cut, option_label, percentage, table

TEXT_LIMIT = 300  # characters, escaped; the picture has more of it
MOST_SURPRISING = 5
RANK_CLASSES: tuple[RankClass, ...] = ("top 10", "top 100", "top 1000", "beyond")


def xray_answer(result: Surprisals, run: RunInfo) -> Answer:
    """Show perplexity and bits per character, how many tokens are of each class, and the most surprising ones."""
    count = len(result.tokens)
    embed = discord.Embed(
        title=f"X-ray of {count:,} tokens",
        description=quote_excerpt(result.text.strip(), TEXT_LIMIT).text or "> *(white space)*",
        colour=BLURPLE,
    )
    embed.add_field(name="Perplexity", value=figure(result.perplexity))
    embed.add_field(name="Bits per character", value=figure(result.bits_per_character))
    embed.add_field(name="Where the model had what came", value=_classes(result), inline=False)
    embed.add_field(name="Most surprising", value=code_block(_surprising_table(result)), inline=False)
    embed.set_footer(text=footer(run))
    return Answer(embed)


def surprising_options(result: Surprisals) -> list[discord.SelectOption]:
    """Return a menu's options: the most surprising tokens, each with its position in the text as value."""
    options = []
    for position in result.most_surprising(MOST_SURPRISING):
        found = result.tokens[position]
        assert found.likelihood is not None  # noqa: S101  # it was predicted
        options.append(
            discord.SelectOption(
                label=option_label(found.token, f"{found.likelihood.surprisal:.1f} bits"),
                value=str(position),
                description=f"Token {position + 1:,}, rank {found.likelihood.rank:,}",
            )
        )
    return options


def expected_answer(result: Surprisals, position: int, run: RunInfo) -> Answer:
    """Show what the model expected in the place of a predicted token, and what came."""
    found = result.tokens[position]
    assert found.likelihood is not None  # noqa: S101  # it was predicted
    before = "".join(one.token.text for one in result.tokens[:position])
    rows = [
        (str(one.rank), percentage(one.probability), bar(one.probability), visible_token(one.token.text))
        for one in found.favourites
    ]
    if all(one.token.id != found.token.id for one in found.favourites):
        likelihood = found.likelihood
        came = (f"{likelihood.rank}", percentage(likelihood.probability), bar(likelihood.probability))
        rows.append((*came, visible_token(found.token.text)))
    embed = discord.Embed(
        title=f"Token {position + 1:,} of {len(result.tokens):,}",
        description=(
            f"{escape_prose(_end_of(before))} **▁**\n"
            f"{code_block(table(('#', 'prob.', '', 'token'), rows, right=(0, 1), columns=PHONE_WIDTH))}"
        ),
        colour=BLURPLE,
    )
    embed.add_field(
        name="What came",
        value=(
            f"{code_block(cut(visible_token(found.token.text) or '(empty)', PHONE_WIDTH))}\n"
            f"rank **{found.likelihood.rank:,}**, {percentage(found.likelihood.probability)}, "
            f"**{found.likelihood.surprisal:.2f} bits**"
        ),
        inline=False,
    )
    embed.set_footer(text=footer(run))
    return Answer(embed)


def figure(value: float | None) -> str:
    """Return a figure with three digits or more: ``12.3``, ``1,234``, ``4.5e+17``; None is beyond a float's range."""
    if value is None:
        return "over 1e+304"
    if value >= 1e6:
        return f"{value:.1e}"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _classes(result: Surprisals) -> str:
    counts = Counter(one.rank_class for one in result.likelihoods)
    return " · ".join(f"{name}: **{counts[name]:,}**" for name in RANK_CLASSES)


def _surprising_table(result: Surprisals) -> str:
    rows = []
    for position in result.most_surprising(MOST_SURPRISING):
        found = result.tokens[position]
        assert found.likelihood is not None  # noqa: S101  # it was predicted
        bits, rank = f"{found.likelihood.surprisal:.2f}", f"{found.likelihood.rank:,}"
        rows.append((bits, rank, visible_token(found.token.text)))
    return table(("bits", "rank", "token"), rows, right=(0, 1), columns=PHONE_WIDTH)


def _end_of(text: str, characters: int = 200) -> str:
    return text if len(text) <= characters else f"… {text[-characters:]}"
