"""A text's surprisals as an embed, and what the model expected at one position."""

from collections import Counter

import discord

from bot.answers.answer import BLURPLE, Answer, footer
from bot.questions.language_model import RunInfo
from bot.questions.tokens import RankClass
from bot.questions.xray import Surprisals
from bot.rendering.escaping import code_block, escape_prose, visible_token
from bot.rendering.prose import quote_excerpt
from bot.rendering.tables import PHONE_WIDTH, bar, cut, option_label, percentage, table

TEXT_LIMIT = 100  # characters, escaped; the picture shows more
MOST_SURPRISING = 5
RANK_CLASSES: tuple[RankClass, ...] = ("top 10", "top 100", "top 1000", "beyond")


def xray_answer(result: Surprisals, run: RunInfo) -> Answer:
    """Show perplexity, bits per character, the ranks by class, and the most surprising tokens."""
    count = len(result.tokens)
    embed = discord.Embed(
        title=f"X-ray of {count:,} tokens",
        description=quote_excerpt(result.text.strip(), TEXT_LIMIT).text or "> *(white space)*",
        colour=BLURPLE,
    )
    embed.add_field(name="Perplexity", value=figure(result.perplexity))
    embed.add_field(name="Bits per character", value=figure(result.bits_per_character))
    embed.add_field(name="Rank of the actual token", value=_classes(result), inline=False)
    embed.add_field(name="Most surprising", value=code_block(_surprising_table(result)), inline=False)
    embed.set_footer(text=footer(run))
    return Answer(embed)


def surprising_options(result: Surprisals) -> list[discord.SelectOption]:
    """Return a menu option for each of the most surprising tokens, with its position as the value."""
    options = []
    for position in result.most_surprising(MOST_SURPRISING):
        entry = result.tokens[position]
        assert entry.likelihood is not None  # noqa: S101  # it was predicted
        options.append(
            discord.SelectOption(
                label=option_label(entry.token, f"{entry.likelihood.surprisal:.1f} bits"),
                value=str(position),
                description=f"Token {position + 1:,}, rank {entry.likelihood.rank:,}",
            )
        )
    return options


def expected_answer(result: Surprisals, position: int, run: RunInfo) -> Answer:
    """Show what the model expected at the position of a predicted token, and the actual token."""
    entry = result.tokens[position]
    assert entry.likelihood is not None  # noqa: S101  # it was predicted
    before = "".join(earlier.token.text for earlier in result.tokens[:position])
    rows = [
        (
            str(favourite.rank),
            percentage(favourite.probability),
            bar(favourite.probability),
            visible_token(favourite.token.text),
        )
        for favourite in entry.favourites
    ]
    if all(favourite.token.id != entry.token.id for favourite in entry.favourites):
        likelihood = entry.likelihood
        actual = (f"{likelihood.rank}", percentage(likelihood.probability), bar(likelihood.probability))
        rows.append((*actual, visible_token(entry.token.text)))
    embed = discord.Embed(
        title=f"Token {position + 1:,} of {len(result.tokens):,}",
        description=(
            f"{escape_prose(_end_of(before))} **▁**\n"
            f"{code_block(table(('#', 'prob.', '', 'token'), rows, right=(0, 1), columns=PHONE_WIDTH))}"
        ),
        colour=BLURPLE,
    )
    embed.add_field(
        name="Actual token",
        value=(
            f"{code_block(cut(visible_token(entry.token.text) or '(empty)', PHONE_WIDTH))}\n"
            f"rank **{entry.likelihood.rank:,}**, {percentage(entry.likelihood.probability)}, "
            f"**{entry.likelihood.surprisal:.2f} bits**"
        ),
        inline=False,
    )
    embed.set_footer(text=footer(run))
    return Answer(embed)


def figure(value: float | None) -> str:
    """Return a figure: ``1.30``, ``12.3``, ``1,234``, ``4.5e+17``. None means beyond the range of a float."""
    if value is None:
        return "over 1e+304"
    if value >= 1e6:
        return f"{value:.1e}"
    return f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}"


def _classes(result: Surprisals) -> str:
    counts = Counter(likelihood.rank_class for likelihood in result.likelihoods)
    return " · ".join(f"{name}: **{counts[name]:,}**" for name in RANK_CLASSES)


def _surprising_table(result: Surprisals) -> str:
    rows = []
    for position in result.most_surprising(MOST_SURPRISING):
        entry = result.tokens[position]
        assert entry.likelihood is not None  # noqa: S101  # it was predicted
        bits, rank = f"{entry.likelihood.surprisal:.2f}", f"{entry.likelihood.rank:,}"
        rows.append((bits, rank, visible_token(entry.token.text)))
    return table(("bits", "rank", "token"), rows, right=(0, 1), columns=PHONE_WIDTH)


def _end_of(text: str, characters: int = 200) -> str:
    return text if len(text) <= characters else f"… {text[-characters:]}"
