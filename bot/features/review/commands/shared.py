"""What the commands of `/review` share: their options' words, and who asks where."""

from typing import cast

import discord

from bot.answers.client import Interaction
from bot.errors import UsageError
from bot.features.review.access import ReviewCog
from bot.features.review.reader import ReviewReader
from bot.storage.records import WatchedPlace

PLACE_OPTION = "A channel, thread, forum or category in which you may manage messages"


class ReviewCommands(ReviewCog):
    """Commands over the reader of review channels."""

    _reader: ReviewReader


def asker(interaction: Interaction) -> discord.Member:
    """Return who asks; in a server that is a member."""
    return cast("discord.Member", interaction.user)


def server(interaction: Interaction) -> discord.Guild:
    """Return where it is asked."""
    return cast("discord.Guild", interaction.guild)


async def watched_or_refused(reader: ReviewReader, channel: discord.abc.Snowflake, mention: str) -> WatchedPlace:
    """Return how a place is watched. Raises UsageError where it is not."""
    watched = await reader.store.places.get(channel.id)
    if watched is None:
        raise UsageError(f"{mention} is not watched. Begin with /review watch.")
    return watched
