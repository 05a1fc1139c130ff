"""What a server is told, once, when its log channel refuses the bot."""

import logging
from collections.abc import Sequence

import discord

from bot.delivery import NO_NEWS_FROM_DISCORD
from bot.storage.records import Watched

log = logging.getLogger(__name__)


async def tell_of_suspension(bot: discord.Client, suspended: Sequence[Watched]) -> None:
    """Tell a server's system channel, or its owner, that the cards of `suspended` places wait. No news for none."""
    if not suspended:
        return
    places = ", ".join(f"<#{place.channel_id}>" for place in suspended)
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
