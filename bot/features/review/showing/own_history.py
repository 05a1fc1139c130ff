"""Find messages that the bot posted but crashed before recording."""

from collections.abc import Sequence

import discord

LOOK_BACK = 100  # messages of a channel, the newest


class OwnHistory:
    """The bot's own messages among the newest of a channel, read once, before the bot posts there.

    A run that ended between posting and recording left such a message, and so did a request whose response was lost.
    """

    def __init__(self, bot: discord.Client) -> None:
        self._bot = bot
        self._said: dict[int, Sequence[discord.Message]] = {}

    async def said_in(self, channel: discord.PartialMessageable) -> Sequence[discord.Message]:
        """Return the bot's messages in `channel`, the newest first. Raises discord.HTTPException."""
        if channel.id not in self._said:
            found = [one async for one in channel.history(limit=LOOK_BACK) if one.author == self._bot.user]
            self._said[channel.id] = found
        return self._said[channel.id]

    def look_again(self, channel_id: int) -> None:
        """Read a channel again next time: Discord did not say whether it accepted a message there."""
        self._said.pop(channel_id, None)
