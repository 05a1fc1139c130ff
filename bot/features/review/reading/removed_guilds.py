"""Servers that removed the bot while it was offline."""

import logging

import discord

from bot.answers.delivery import NO_NEWS_FROM_DISCORD
from bot.storage.store import ReviewStore

GONE = (10004, 50001)  # unknown guild, missing access: what Discord says, and no proxy before it

log = logging.getLogger(__name__)


async def removed_guilds(bot: discord.Client, store: ReviewStore) -> list[int]:
    """Return the servers with stored data that removed the bot. A server in an outage is not one of them."""
    if not bot.is_ready():
        return []
    unknown = [guild_id for guild_id in await store.places.guild_ids() if bot.get_guild(guild_id) is None]
    return [guild_id for guild_id in unknown if await _is_left(bot, guild_id)]


async def _is_left(bot: discord.Client, guild_id: int) -> bool:
    """Ask Discord itself: the deletion that follows cannot be undone."""
    try:
        await bot.fetch_guild(guild_id, with_counts=False)
    except (discord.NotFound, discord.Forbidden) as refusal:
        if refusal.code in GONE:
            return True
        log.warning("the server %d refuses the bot: %s", guild_id, refusal)
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
        log.warning("whether the bot is still in the server %d could not be asked: %s", guild_id, problem)
    return False
