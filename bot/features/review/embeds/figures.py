"""Scores in numbers and pictures: the preview of a threshold, statistics, and the weekly digest."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import discord

from bot.answers.answer import BLURPLE, Answer
from bot.features.review.embeds.card import CAUTION, message_link
from bot.features.review.embeds.periods import SMALLEST_GROUP, periods_between
from bot.features.review.embeds.spread import spread_picture
from bot.features.review.embeds.status import precision_text
from bot.features.review.embeds.trend import trend_picture
from bot.features.review.showing.thresholds import Suggestion
from bot.rendering.pictures.picture import draw_in_thread
from bot.rendering.tables import percentage
from bot.storage.records import CaseOutcome, ScoredMessage, WatchedPlace

LINKS = 10


@dataclass(frozen=True, slots=True)
class Week:
    """The scores and outcomes of one week in a place, with all outcomes so far."""

    probabilities: Sequence[float]
    outcomes: Sequence[CaseOutcome]
    all_outcomes: Sequence[CaseOutcome]
    open_cases: int


async def preview_answer(
    channel: discord.abc.GuildChannel | discord.Thread,
    watched: WatchedPlace,
    scored: Sequence[ScoredMessage],
    outcomes: Sequence[CaseOutcome],
    flag_below: float,
    suggestion: Suggestion | None,
) -> Answer:
    """Show how many messages a threshold would have flagged, the 10 lowest of them, and a histogram of all scores."""
    flagged = sorted((message for message in scored if message.positive_probability < flag_below), key=_probability)
    summary = (
        f"With `flag_below:{flag_below:g}` you would have flagged **{len(flagged):,} of the last {len(scored):,}**"
    )
    links = [
        f"- {percentage(message.positive_probability)} · "
        f"{message_link(channel.guild.id, message.channel_id, message.message_id)} · <@{message.author_id}>"
        for message in flagged[:LINKS]
    ]
    more = [f"… and {len(flagged) - LINKS:,} more"] if len(flagged) > LINKS else []
    decided = [f"So far {precision_text(outcomes)}.{_suggestion_text(suggestion)}"] if outcomes else []
    lines = [f"{summary} in {channel.mention}.", *links, *more, *decided]
    embed = discord.Embed(title="Preview", description="\n".join(lines), colour=BLURPLE)
    embed.set_footer(text=f"P(positive) compares two labels. Lowest first. {CAUTION}")
    picture = await draw_in_thread(
        spread_picture,
        [message.positive_probability for message in scored],
        flag_below,
        watched.urgent_below,
        [outcome.positive_probability for outcome in outcomes if outcome.confirmed],
        [outcome.positive_probability for outcome in outcomes if not outcome.confirmed],
    )
    return Answer(embed).with_picture(picture, "spread.png")


async def stats_answer(place: str, scored: Sequence[ScoredMessage], days: int, today: date) -> Answer:
    """Show the number of messages and the share of positive ones over time, without periods of 1 to 4 messages."""
    by_day: defaultdict[date, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for message in scored:
        count, positive = by_day[message.posted_at.date()]
        by_day[message.posted_at.date()] = count + 1, positive + (message.margin > 0)
    unit, periods = periods_between(today - timedelta(days=days - 1), today, by_day)
    hidden = sum(period.count is None for period in periods)
    count = sum(period.count or 0 for period in periods)
    if not count:
        text = f"{place} has no {unit} with {SMALLEST_GROUP} or more scored messages in the last {days:,} days."
        by_week = " Ask for more than 60 days to count by week." if unit == "day" else ""
        return Answer(discord.Embed(title="Statistics", description=text + by_week, colour=BLURPLE))
    share = sum(period.positive or 0 for period in periods) / count
    shown = f" on the {unit}s shown" if hidden else ""
    text = f"{place}, the last {days:,} days: **{count:,} messages**{shown}, **{share:.0%} positive**."
    if hidden:
        text += (
            f"\n{hidden:,} of {len(periods):,} {unit}s had 1 to {SMALLEST_GROUP - 1} messages. They are left out, "
            "because their figures would reveal too much about one person."
        )
    embed = discord.Embed(title="Statistics", description=text, colour=BLURPLE)
    embed.set_footer(text=CAUTION)
    return Answer(embed).with_picture(await draw_in_thread(trend_picture, periods, unit), "trend.png")


def weekly_embed(place: str, week: Week) -> discord.Embed:
    """Return the weekly digest: how many messages, how positive, and what moderators decided."""
    count = len(week.probabilities)
    positive = sum(probability > 0.5 for probability in week.probabilities)
    mood = f", {positive / count:.0%} of them positive" if count >= SMALLEST_GROUP else ""
    lines = [
        f"{place}: {count:,} messages scored{mood}.",
        f"This week {precision_text(week.outcomes)}. In total {precision_text(week.all_outcomes)}.",
        "1 case is open." if week.open_cases == 1 else f"{week.open_cases:,} cases are open.",
    ]
    embed = discord.Embed(title="The week in review", description="\n".join(lines), colour=BLURPLE)
    explained = "Precision: the share of decided cases that were confirmed. /review preview suggests a threshold."
    embed.set_footer(text=f"{explained} {CAUTION}")
    return embed


def _suggestion_text(suggestion: Suggestion | None) -> str:
    if suggestion is None:
        return " They are too few or too mixed to suggest a threshold."
    return (
        f" They suggest `flag_below:{suggestion.flag_below:g}`. It would flag {suggestion.kept:,} of "
        f"{suggestion.confirmed:,} confirmed cases and "
        f"spare {suggestion.spared:,} of {suggestion.dismissed:,} dismissed ones."
    )


def _probability(message: ScoredMessage) -> float:
    return message.positive_probability
