"""What happened while the bot was away: messages that were posted, and servers that removed the bot."""

import logging

import discord

from bot.answers.delivery import NO_NEWS_FROM_DISCORD
from bot.features.review.places import Readable, channels_in, find_place
from bot.features.review.reading.intake import Intake
from bot.features.review.worker import is_outage, where
from bot.storage.records import WatchedPlace
from bot.storage.refusal import is_away
from bot.storage.store import ReviewStore

CATCH_UP = 1000  # messages of a channel that are read after an outage
log = logging.getLogger(__name__)
GONE = (10004, 50001)  # unknown guild, missing access: what Discord says, and no proxy before it


async def catch_up(bot: discord.Client, store: ReviewStore, intake: Intake) -> None:
    """Read the first CATCH_UP messages of each channel of the places that are behind, after the last that was seen."""
    for watched in [one for one in await store.places.all() if one.place_id in intake.behind]:
        guild = bot.get_guild(watched.guild_id)
        place = None if guild is None else find_place(guild, watched.place_id)
        if place is None:
            continue  # out of sight for now; the event of a deleted channel deletes its messages
        absences = intake.absences
        # A channel that Discord hides for now stops no other, of this place or the next.
        read = [await _read(channel, watched, intake) for channel in channels_in(place)]
        if None not in read and intake.absences == absences:
            intake.behind.discard(watched.place_id)
            await store.places.advance(watched.place_id, max((last for last in read if last is not None), default=0))


async def _read(channel: Readable, watched: WatchedPlace, intake: Intake) -> int | None:
    """Return the last message that was read, 0 for none; None where Discord was not there."""
    last = 0
    try:
        after = discord.Object(watched.last_message_id)
        async for message in channel.history(limit=CATCH_UP, after=after, oldest_first=True):
            await intake.take(message)
            last = message.id
    except discord.Forbidden:
        log.warning("the watched channel %d may not be read any more", channel.id)
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
        log.warning("the watched channel %d could not be caught up with: %s", channel.id, problem)
        return None if is_outage(problem) else last
    except Exception as problem:
        if is_away(problem):
            raise
        log.error("the watched channel %d could not be caught up with: %s", channel.id, where(problem))  # noqa: TRY400  # it may quote a text
    return last


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
