"""The weekly digest in log channels."""

import logging
from datetime import timedelta
from functools import partial

import discord

from bot.answers.delivery import NO_NEWS_FROM_DISCORD
from bot.features.review.embeds.figures import Week, weekly_embed
from bot.features.review.worker import attempt
from bot.storage.records import WatchedPlace
from bot.storage.store import ReviewStore

WEEK = timedelta(days=7)

log = logging.getLogger(__name__)


async def post_weekly_digests(bot: discord.Client, store: ReviewStore) -> None:
    """Post the digest of each live place whose last digest is a week old, at most once each."""
    now = discord.utils.utcnow()
    for watched in await store.places.all():
        if watched.live and watched.suspended_at is None and watched.log_channel_id is not None:
            is_due = watched.digest_at is None or now - watched.digest_at >= WEEK
            if is_due and await store.places.set_digest_at(watched.place_id, watched.digest_at, now):
                await attempt(partial(_post, bot, store, log_channel_id=watched.log_channel_id), watched)


async def _post(bot: discord.Client, store: ReviewStore, watched: WatchedPlace, *, log_channel_id: int) -> bool:
    since = discord.utils.utcnow() - WEEK
    week = Week(
        probabilities=[message.positive_probability for message in await store.scores.latest(watched.place_id, since)],
        outcomes=await store.cases.outcomes(watched.place_id, since.date()),
        all_outcomes=await store.cases.outcomes(watched.place_id),
        open_cases=await store.cases.open_count(watched.place_id),
    )
    channel = bot.get_partial_messageable(log_channel_id, guild_id=watched.guild_id)
    try:
        await channel.send(embed=weekly_embed(f"<#{watched.place_id}>", week))
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
        log.warning("could not post the weekly digest of place %d: %s", watched.place_id, problem)
    return True
