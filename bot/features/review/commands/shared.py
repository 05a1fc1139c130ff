"""Helpers that the commands of `/review` share."""

from typing import cast

import discord

from bot.answers.client import Interaction
from bot.errors import UsageError
from bot.features.review.access import ReviewCog
from bot.features.review.reader import ReviewReader
from bot.storage.records import WatchedPlace

PLACE_OPTION = "A channel, thread, forum or category in which you have Manage Messages"


class ReviewCommands(ReviewCog):
    """Commands that use the reader of review channels."""

    _reader: ReviewReader


def asker(interaction: Interaction) -> discord.Member:
    """Return the asker, who is a member: the commands exist only in servers."""
    return cast("discord.Member", interaction.user)


def server(interaction: Interaction) -> discord.Guild:
    """Return the server in which the command was used."""
    return cast("discord.Guild", interaction.guild)


async def require_watched(reader: ReviewReader, channel: discord.abc.Snowflake, mention: str) -> WatchedPlace:
    """Return a watched place with its options. Raises UsageError if `channel` is not watched."""
    watched = await reader.store.places.get(channel.id)
    if watched is None:
        raise UsageError(f"{mention} is not watched. Start with /review watch.")
    return watched
