"""Catch up after downtime: read new messages, and find servers that removed the bot."""

import logging

import discord

from bot.answers.client import BotClient
from bot.answers.delivery import NO_NEWS_FROM_DISCORD
from bot.features.review.places import Readable, channels_in, find_place
from bot.features.review.reading.intake import Intake
from bot.features.review.worker import error_location, is_outage
from bot.storage.records import WatchedPlace
from bot.storage.refusal import is_away
from bot.storage.store import ReviewStore

CATCH_UP = 1000  # messages of a channel that are read after downtime
log = logging.getLogger(__name__)
GONE = (10004, 50001)  # unknown guild, missing access: Discord's own codes, which no proxy sends


async def catch_up(bot: discord.Client, store: ReviewStore, intake: Intake) -> None:
    """Read the messages that were posted while the bot was away, in the places that are behind.

    These are the first CATCH_UP messages after the last one that was seen, in each channel of a place.
    """
    for watched in [place for place in await store.places.all() if place.place_id in intake.behind]:
        guild = bot.get_guild(watched.guild_id)
        place = None if guild is None else find_place(guild, watched.place_id)
        if place is None:
            continue  # not visible for now; if it was deleted, its event or the reconciler deletes its data
        absences = intake.absences[watched.guild_id]
        # A channel that Discord doesn't return for now does not stop the others.
        read = [await _read(channel, watched, intake) for channel in channels_in(place)]
        if None not in read and intake.absences[watched.guild_id] == absences:
            intake.behind.discard(watched.place_id)
            await store.places.advance(watched.place_id, max((last for last in read if last is not None), default=0))


async def _read(channel: Readable, watched: WatchedPlace, intake: Intake) -> int | None:
    """Return the id of the last message read, 0 for none; None if Discord was unavailable."""
    last = 0
    try:
        after = discord.Object(watched.last_message_id)
        async for message in channel.history(limit=CATCH_UP, after=after, oldest_first=True):
            await intake.take(message)
            last = message.id
    except discord.Forbidden:
        log.warning("the bot has no permission to read the watched channel %d", channel.id)
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
        log.warning("could not catch up with the watched channel %d: %s", channel.id, problem)
        return None if is_outage(problem) else last
    except Exception as problem:
        if is_away(problem):
            raise
        log.error("could not catch up with the watched channel %d: %s", channel.id, error_location(problem))  # noqa: TRY400  # it may quote a text
    return last


async def removed_guilds(bot: BotClient, store: ReviewStore) -> list[int]:
    """Return the servers of this process with stored data that removed the bot, without those in an outage."""
    stored = [guild_id for guild_id in await store.places.guild_ids() if bot.has_seen(guild_id)]
    unknown = [guild_id for guild_id in stored if bot.get_guild(guild_id) is None]
    return [guild_id for guild_id in unknown if await _has_removed(bot, guild_id)]


async def _has_removed(bot: discord.Client, guild_id: int) -> bool:
    """Return whether Discord itself confirms the removal, because deleting the data can't be undone."""
    try:
        await bot.fetch_guild(guild_id, with_counts=False)
    except (discord.NotFound, discord.Forbidden) as refusal:
        if refusal.code in GONE:
            return True
        log.warning("server %d refused the bot: %s", guild_id, refusal)
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
        log.warning("could not check whether the bot is still in server %d: %s", guild_id, problem)
    return False
