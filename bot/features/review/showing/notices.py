"""Notices: to members that a place is watched, and to moderators that a log channel is suspended."""

import logging
from collections.abc import Sequence

import discord

from bot.answers.delivery import NO_NEWS_FROM_DISCORD
from bot.features.review.embeds.status import NOTICE
from bot.features.review.places import Place, Readable, channels_in
from bot.storage.question_records import PlaceQuestion
from bot.storage.records import WatchedPlace
from bot.storage.store import ReviewStore

log = logging.getLogger(__name__)


async def post_notices(store: ReviewStore, place: Place, text: str = NOTICE) -> int:
    """Post a notice for members in every channel and thread of `place`; return how many were posted.

    Forum posts get none. The forum's guidelines are the place for it, and only moderators can edit those.
    """
    channels = [
        channel
        for channel in channels_in(place)
        if not isinstance(getattr(channel, "parent", None), discord.ForumChannel)
    ]
    return sum([await post_notice(store, place.id, channel, text) for channel in channels])


async def post_notice(store: ReviewStore, place_id: int, channel: Readable, text: str = NOTICE) -> bool:
    """Post a notice for members in a channel of a place; False if the bot has no permission."""
    try:
        notice = await channel.send(text)
    except discord.Forbidden as refusal:
        log.warning("could not post the notice in channel %d: %s", channel.id, refusal)
        return False
    await store.places.add_notice(place_id, channel.id, notice.id)
    return True


async def report_suspension(
    bot: discord.Client, log_channel_id: int, suspended: Sequence[WatchedPlace | PlaceQuestion]
) -> None:
    """Tell a server's system channel, or its owner, that the cards of `suspended` places and questions wait."""
    if not suspended:
        return
    places = ", ".join(dict.fromkeys(f"<#{place.place_id}>" for place in suspended))
    text = (
        f"The bot can't post in <#{log_channel_id}>, the log channel of the review channels {places}. It "
        "was deleted, or the bot has no permission. No case is lost: the cards are posted once this is fixed. Give the "
        "bot View Channel, Send Messages, Embed Links and Read Message History there, or choose another channel with "
        "`/review watch log_channel:`. Then use `/review live`."
    )
    log.warning("suspended log channel %s: it refused the bot or was deleted", log_channel_id)
    guild = bot.get_guild(suspended[0].guild_id)
    if guild is None:
        return
    for recipient in (guild.system_channel, await _owner(bot, guild)):
        try:
            if recipient is not None:
                await recipient.send(text)
                return
        except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
            log.info("could not report the suspension to the server: %s", problem)


async def _owner(bot: discord.Client, guild: discord.Guild) -> discord.User | discord.Member | None:
    try:
        return guild.owner or (None if guild.owner_id is None else await bot.fetch_user(guild.owner_id))
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD):
        return None
