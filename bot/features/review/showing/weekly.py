"""What a log channel is told once a week."""

import logging
from datetime import timedelta
from functools import partial

import discord

from bot.answers.delivery import NO_NEWS_FROM_DISCORD
from bot.features.review.embeds.figures import Week, weekly_embed
from bot.features.review.worker import attempt
from bot.storage.records import Watched
from bot.storage.store import ReviewStore

WEEK = timedelta(days=7)

log = logging.getLogger(__name__)


async def post_weekly_digests(bot: discord.Client, store: ReviewStore) -> None:
    """Post the digest of each live place whose last is a week old; at most once each."""
    now = discord.utils.utcnow()
    for watched in await store.all_watched():
        if watched.live and watched.suspended_at is None and watched.log_channel_id is not None:
            is_due = watched.digest_at is None or now - watched.digest_at >= WEEK
            if is_due and await store.set_digest_at(watched.channel_id, watched.digest_at, now):
                await attempt(partial(_post, bot, store, log_channel_id=watched.log_channel_id), watched)


async def _post(bot: discord.Client, store: ReviewStore, watched: Watched, *, log_channel_id: int) -> bool:
    since = discord.utils.utcnow() - WEEK
    week = Week(
        probabilities=[one.positive_probability for one in await store.latest_scores(watched.channel_id, since)],
        verdicts=await store.verdicts(watched.channel_id, since.date()),
        all_verdicts=await store.verdicts(watched.channel_id),
        open_cases=await store.open_count(watched.channel_id),
    )
    channel = bot.get_partial_messageable(log_channel_id, guild_id=watched.guild_id)
    try:
        await channel.send(embed=weekly_embed(f"<#{watched.channel_id}>", week))
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
        log.warning("the weekly digest of %d could not be posted: %s", watched.channel_id, problem)
    return True
