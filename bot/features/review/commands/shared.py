"""Helpers that the commands of `/review` share."""

from typing import cast

import discord
from discord import app_commands

from bot.answers.client import Interaction
from bot.errors import UsageError
from bot.features.review.access import ReviewCog
from bot.features.review.places import Place
from bot.features.review.reader import ReviewReader
from bot.storage.question_records import PlaceQuestion, ServerQuestion
from bot.storage.records import WatchedPlace
from bot.storage.store import ReviewStore

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


async def require_question(store: ReviewStore, guild: discord.Guild, name: str) -> ServerQuestion:
    """Return a question of a server in its newest version. Raises UsageError if there is none."""
    question = await store.questions.get(guild.id, name.strip().casefold())
    if question is None:
        raise UsageError("This server has no question with that name. /review question list shows all.")
    return question


async def require_place_question(store: ReviewStore, channel: Place, name: str) -> PlaceQuestion:
    """Return a question that a place asks. Raises UsageError if it doesn't ask it."""
    name = name.strip().casefold()
    question = next((each for each in await store.place_questions.in_place(channel.id) if each.name == name), None)
    if question is None:
        raise UsageError(f"{channel.mention} doesn't ask a question with that name. Add it with /review watch.")
    return question


async def suggest_questions(
    store: ReviewStore, interaction: Interaction, current: str
) -> list[app_commands.Choice[str]]:
    """Return the questions of a server whose names contain what is typed so far."""
    questions = await store.questions.in_guild(server(interaction).id)
    typed = current.casefold().strip()
    return [app_commands.Choice(name=each.name, value=each.name) for each in questions if typed in each.name][:25]


async def require_watched(reader: ReviewReader, channel: discord.abc.Snowflake, mention: str) -> WatchedPlace:
    """Return a watched place with its options. Raises UsageError if `channel` is not watched."""
    watched = await reader.store.places.get(channel.id)
    if watched is None:
        raise UsageError(f"{mention} is not watched. Start with /review watch.")
    return watched
