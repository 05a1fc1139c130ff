"""`/review export`: the scores of a channel as a file."""

import asyncio
import json
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
from bot.decisions.gate import decision_of
from bot.errors import UsageError
from bot.features.review.commands.shared import PLACE_OPTION, ReviewCommands, asker, require_watched
from bot.features.review.embeds.export import export_answer, question_export, write_rows
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
            own = Path(folder) / "questions.json"
            questions = await self._questions(channel.id)
            await asyncio.to_thread(own.write_text, json.dumps(questions, indent=2), encoding="utf-8")
            size = sum([(await asyncio.to_thread(each.stat)).st_size for each in (file, own)])
            if size > limit:
                raise UsageError(
                    f"The file is larger than {limit // MEGABYTE} MB, the most that Discord accepts in this server. "
                    "Export fewer days."
                )
            await self._reader.store.audit.record(
                channel.guild.id, channel.id, interaction.user.id, "export", f"{count:,} messages as {format}"
            )
            embed = export_answer(channel.mention, count, format, with_questions=bool(questions)).embed
            files = [discord.File(file, f"reviews.{format}"), *([discord.File(own, own.name)] if questions else [])]
            await deliver(interaction, lambda: interaction.edit_original_response(embed=embed, attachments=files))

    async def _questions(self, place_id: int) -> list[dict[str, object]]:
        """Return the questions of a place with all versions, labels and measurements, as JSON values."""
        store = self._reader.store
        return [
            question_export(
                question,
                await store.questions.versions(question.question_id),
                await store.measurements.labelled_cases(question.id, decision_of(question.definition).labels),
                await store.measurements.of_question(question.id),
            )
            for question in await store.place_questions.in_place(place_id)
        ]
