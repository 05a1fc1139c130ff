"""When a shard can IDENTIFY, if several processes connect the shards of one bot."""

import discord

from bot.settings import Settings
from bot.storage.turns import ProcessTurns

WAIT_SECONDS = 45.0  # the library gives up on a reconnection after 60 seconds
KEEP_SECONDS = 5.5  # Discord's 5 seconds, and the differences between the times that IDENTIFYs take to arrive


async def identify_turns(client: discord.AutoShardedClient, settings: Settings) -> ProcessTurns:
    """Return the turns in which all processes IDENTIFY their shards. Raises discord.GatewayNotFound.

    Discord accepts `max_concurrency` IDENTIFYs of a token in 5 seconds: one in each bucket, which is the shard's id
    modulo that number. discord.py knows only its own process, so the processes take turns in their database.
    """
    limits = await client.fetch_session_start_limits()
    return ProcessTurns(
        settings.database_url.get_secret_value(), max(1, limits.max_concurrency), wait_seconds=WAIT_SECONDS,
        keep_seconds=KEEP_SECONDS,
    )  # fmt: skip
