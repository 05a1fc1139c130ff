"""`/review export`: the scores of a channel as a file."""

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Literal

import discord
from discord import app_commands

from bot.answers.answering import defer
from bot.answers.client import Interaction
from bot.answers.delivery import deliver
from bot.answers.error_reply import reply_on_error
from bot.errors import UsageError
from bot.features.review.commands.shared import PLACE_OPTION, ReviewCommands, asker, require_watched
from bot.features.review.embeds.export import export_answer, write_rows
from bot.features.review.places import Place, check_moderator

MEGABYTE = 2**20


class Exporting(ReviewCommands):
    """The command that exports scores."""

    @app_commands.command(extras={"example": "/review export channel:#film-reviews format:csv"})
    @app_commands.describe(
        channel=PLACE_OPTION,
        format="csv for spreadsheets, jsonl for programs",
        days="How many days to look back, from 1 to 365; everything by default",
    )
    @reply_on_error
    async def export(
        self,
        interaction: Interaction,
        channel: Place,
        format: Literal["csv", "jsonl"] = "csv",  # noqa: A002  # the option's name
        days: app_commands.Range[int, 1, 365] | None = None,
    ) -> None:
        """Get a channel's scores as a file of links, times and figures. The audit log records the export."""
        check_moderator(asker(interaction), channel)
        await require_watched(self._reader, channel, channel.mention)
        if not await defer(interaction, private=True):
            return
        since = None if days is None else discord.utils.utcnow() - timedelta(days=days)
        limit = channel.guild.filesize_limit
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{channel.id}.{format}"
            rows = self._reader.store.scores.stream(channel.id, since)
            count = await write_rows(file, format, channel.guild.id, rows, limit)
            size = (await asyncio.to_thread(file.stat)).st_size
            if size > limit:
                raise UsageError(
                    f"The file is larger than {limit // MEGABYTE} MB, the most that Discord accepts in this server. "
                    "Export fewer days."
                )
            await self._reader.store.audit.record(
                channel.guild.id, channel.id, interaction.user.id, "export", f"{count:,} messages as {format}"
            )
            embed = export_answer(channel.mention, count, format).embed
            await deliver(
                interaction,
                lambda: interaction.edit_original_response(
                    embed=embed, attachments=[discord.File(file, f"reviews.{format}")]
                ),
            )
