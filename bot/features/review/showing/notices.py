"""What a channel is told when it is watched, and when reading is suspended."""

import logging
from collections.abc import Sequence

import discord

from bot.answers.delivery import NO_NEWS_FROM_DISCORD
from bot.features.review.embeds.status import NOTICE
from bot.features.review.places import Place, Readable, channels_in
from bot.storage.records import WatchedPlace
from bot.storage.store import ReviewStore

log = logging.getLogger(__name__)


async def post_notices(store: ReviewStore, place: Place) -> int:
    """Tell every text channel and thread of `place` what is read and why; return how many were told.

    A forum has no place for it but its guidelines, which are its moderators'.
    """
    # A thread of a forum is one of its posts.
    channels = [one for one in channels_in(place) if not isinstance(getattr(one, "parent", None), discord.ForumChannel)]
    return sum([await post_notice(store, place.id, channel) for channel in channels])


async def post_notice(store: ReviewStore, place_id: int, channel: Readable) -> bool:
    """Tell a channel of a place what is read and why; False where the bot may not."""
    try:
        notice = await channel.send(NOTICE)
    except discord.Forbidden as refusal:
        log.warning("the notice could not be posted in %d: %s", channel.id, refusal)
        return False
    await store.places.add_notice(place_id, channel.id, notice.id)
    return True


async def tell_of_suspension(bot: discord.Client, suspended: Sequence[WatchedPlace]) -> None:
    """Tell a server's system channel, or its owner, that the cards of `suspended` places wait. No news for none."""
    if not suspended:
        return
    places = ", ".join(f"<#{place.place_id}>" for place in suspended)
    text = (
        f"The log channel <#{suspended[0].log_channel_id}> of the review channels {places} refuses the bot, or is "
        "gone. Flagged messages are kept and wait there. Give the bot View Channel, Send Messages, Embed Links and "
        "Read Message History, or choose another with `/review watch log_channel:`; then `/review live` goes on."
    )
    log.warning("the log channel %s is suspended", suspended[0].log_channel_id)
    guild = bot.get_guild(suspended[0].guild_id)
    if guild is None:
        return
    for recipient in (guild.system_channel, await _owner(bot, guild)):
        try:
            if recipient is not None:
                await recipient.send(text)
                return
        except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
            log.info("a notice of the suspension could not be sent: %s", problem)


async def _owner(bot: discord.Client, guild: discord.Guild) -> discord.User | discord.Member | None:
    try:
        return guild.owner or (None if guild.owner_id is None else await bot.fetch_user(guild.owner_id))
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD):
        return None
