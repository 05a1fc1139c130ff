"""What the bot itself said in a channel before: some of it was posted without being noted."""

from collections.abc import Sequence

import discord

LOOK_BACK = 100  # messages of a channel, the newest


class Earlier:
    """The bot's own messages among the newest of channels, read once each, before it says anything there.

    A run that ended between posting and noting left one of them behind, and so did a request whose answer was lost.
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
        """Read a channel anew next time: Discord did not say whether it took something there."""
        self._said.pop(channel_id, None)
