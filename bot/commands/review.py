"""`/review`: moderators choose channels whose messages are scored, and see what a threshold would have flagged."""

import contextlib
from typing import Any, cast

import discord
from discord import app_commands
from discord.ext import commands

from bot.answering import defer, reply
from bot.error_reply import answers_errors
from bot.errors import NotPermitted
from bot.inference.executor import ModelExecutor
from bot.rendering.review import NOTICE, preview_answer, status_answer, unwatch_answer, watch_answer
from bot.review.reader import ReviewReader
from bot.settings import Settings

Interaction = discord.Interaction[Any]
CHANNEL_OPTION = "A text channel in which you may manage messages"


@app_commands.guild_only()
@app_commands.default_permissions(manage_messages=True)
class ReviewChannels(commands.GroupCog, group_name="review"):
    """Review channels, in shadow: scores are kept and nothing is posted or done."""

    def __init__(self, reader: ReviewReader) -> None:
        self._reader = reader

    @app_commands.command(name="watch", extras={"example": "/review watch channel:#film-reviews"})
    @app_commands.describe(channel=CHANNEL_OPTION, notice="Tell the channel's members what is read and why")
    @answers_errors
    async def watch(self, interaction: Interaction, channel: discord.TextChannel, notice: bool = True) -> None:
        """Score every new message of a channel; nothing is posted or removed."""
        _check(interaction, channel, "view_channel", "read_message_history", *(["send_messages"] if notice else []))
        if not await defer(interaction, private=True):
            return
        is_new = await self._reader.watch(channel, interaction.user.id)
        if is_new and notice:
            told = await channel.send(NOTICE)
            await self._reader.store.set_notice(channel.id, told.id)
        await reply(interaction, watch_answer(channel, is_new=is_new, notice=notice))

    @app_commands.command(name="unwatch", extras={"example": "/review unwatch channel:#film-reviews"})
    @app_commands.describe(channel=CHANNEL_OPTION)
    @answers_errors
    async def unwatch(self, interaction: Interaction, channel: discord.TextChannel) -> None:
        """Read a channel no more, and delete all that was kept of it."""
        _check(interaction, channel)
        if not await defer(interaction, private=True):
            return
        watched = await self._reader.unwatch(channel.id)
        if watched is not None and watched.notice_message_id is not None:
            # Somebody was quicker, or the bot may no longer: a notice too many does no harm.
            with contextlib.suppress(discord.NotFound, discord.Forbidden):
                await channel.get_partial_message(watched.notice_message_id).delete()
        await reply(interaction, unwatch_answer(channel, was_watched=watched is not None))

    @app_commands.command(name="status", extras={"example": "/review status"})
    @answers_errors
    async def status(self, interaction: Interaction) -> None:
        """Show the watched channels that you may moderate, and how many messages wait."""
        if not await defer(interaction, private=True):
            return
        guild = cast("discord.Guild", interaction.guild)
        found = []
        for watched in await self._reader.store.watched_in(guild.id):
            channel = guild.get_channel(watched.channel_id)
            if channel is not None and _may_moderate(channel.permissions_for(cast("discord.Member", interaction.user))):
                found.append((watched, await self._reader.store.scored_count(watched.channel_id)))
        await reply(interaction, status_answer(found, await self._reader.store.pending_count(guild.id)))

    @app_commands.command(name="preview", extras={"example": "/review preview channel:#film-reviews flag_below:0.2"})
    @app_commands.describe(channel=CHANNEL_OPTION, flag_below="P(positive) below which a message would be flagged")
    @answers_errors
    async def preview(
        self,
        interaction: Interaction,
        channel: discord.TextChannel,
        flag_below: app_commands.Range[float, 0.0, 1.0] = 0.2,
    ) -> None:
        """Show what a threshold would have flagged among the messages scored so far."""
        _check(interaction, channel)
        if not await defer(interaction, private=True):
            return
        if await self._reader.store.watched(channel.id) is None:
            raise NotPermitted(f"{channel.mention} is not watched. Begin with /review watch.")
        scored = await self._reader.store.latest_scores(channel.id)
        await reply(interaction, preview_answer(channel, scored, flag_below))


def _check(interaction: Interaction, channel: discord.TextChannel, *bot_needs: str) -> None:
    """Raise NotPermitted unless the asker may moderate `channel` and the bot has there what it needs."""
    if not _may_moderate(channel.permissions_for(cast("discord.Member", interaction.user))):
        raise NotPermitted(f"In {channel.mention} you need View Channel and Manage Messages for this.")
    has = channel.permissions_for(channel.guild.me)
    if lacking := [name.replace("_", " ").title() for name in bot_needs if not getattr(has, name)]:
        raise NotPermitted(f"In {channel.mention} the bot lacks {' and '.join(lacking)}. Give it that, then ask again.")


def _may_moderate(permissions: discord.Permissions) -> bool:
    return permissions.view_channel and permissions.manage_messages


async def setup(bot: commands.Bot, executor: ModelExecutor, settings: Settings) -> None:
    """Add the commands, where review channels are switched on."""
    reader = bot.get_cog(ReviewReader.__name__)
    if isinstance(reader, ReviewReader):
        await bot.add_cog(ReviewChannels(reader))
