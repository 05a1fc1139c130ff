"""`/review status`, `preview`, `stats` and `case`: answers that only the moderator sees."""

from dataclasses import replace
from datetime import timedelta

import discord
from discord import app_commands

from bot.answers.answering import defer, reply
from bot.answers.client import Interaction
from bot.answers.error_reply import reply_on_error
from bot.errors import UsageError
from bot.features.review.buttons import retry_view
from bot.features.review.cases.opening import permission_of
from bot.features.review.commands.shared import (
    PLACE_OPTION,
    ReviewCommands,
    asker,
    require_watched,
    server,
)
from bot.features.review.embeds.figures import preview_answer, stats_answer
from bot.features.review.embeds.questions import status_line
from bot.features.review.embeds.status import UNSCORED_SHOWN, PlaceStatus, case_answer, status_answer
from bot.features.review.places import (
    Place,
    can_moderate,
    check_moderator,
    excluded_channels,
    excluded_threads,
    find_place,
    visible_to,
)
from bot.features.review.showing.thresholds import suggested_threshold

ACTIONS_SHOWN = 5


class Inspecting(ReviewCommands):
    """Commands that change no settings."""

    @app_commands.command(extras={"example": "/review status"})
    @reply_on_error
    async def status(self, interaction: Interaction) -> None:
        """Show the watched channels that you can moderate, how many messages wait, and the latest changes."""
        if not await defer(interaction, private=True):
            return
        store, guild = self._reader.store, server(interaction)
        statuses, place_ids, watched_ids = [], set(), self._reader.intake.places
        for watched in await store.places.in_guild(guild.id):
            place = find_place(guild, watched.place_id)
            if place is not None and can_moderate(asker(interaction), place):
                place_ids.add(place.id)
                scored, cases = await store.scores.count(place.id), await store.cases.open_count(place.id)
                excluded = (*excluded_channels(place), *excluded_threads(place))
                visible = visible_to(asker(interaction), [part for part in excluded if part.id not in watched_ids])
                outcomes = await store.cases.outcomes(place.id)
                questions = await self._question_lines(place.id)
                statuses.append(PlaceStatus(place.mention, watched, scored, cases, outcomes, visible, questions))
        actions = [entry for entry in await store.audit.latest(guild.id, 50) if entry.place_id in {None, *place_ids}]
        model = interaction.client.executor.status.model
        unscored, unscored_count = await store.faults.given_up(place_ids, UNSCORED_SHOWN)
        answer = status_answer(
            statuses,
            waiting=await store.messages.pending_count(guild.id),
            exemptions=await store.privacy.exemptions(guild.id),
            actions=actions[:ACTIONS_SHOWN],
            model=model,
            unscored=unscored,
            unscored_count=unscored_count,
            guild_id=guild.id,
        )
        await reply(interaction, replace(answer, view=retry_view()) if unscored else answer)

    async def _question_lines(self, place_id: int) -> list[str]:
        """Return the status of each of a place's own questions."""
        store, model = self._reader.store, self._reader.executor.status.model
        return [
            status_line(
                question,
                None if model is None else await permission_of(store, question, model),
                await store.place_questions.counts(question.id),
                await store.place_questions.case_counts(question.id),
                await store.cases.outcomes(place_id, place_question_id=question.id),
            )
            for question in await store.place_questions.in_place(place_id)
        ]

    @app_commands.command(extras={"example": "/review preview channel:#film-reviews flag_below:0.2"})
    @app_commands.describe(channel=PLACE_OPTION, flag_below="P(positive) below which a message would be flagged")
    @reply_on_error
    async def preview(
        self,
        interaction: Interaction,
        channel: Place,
        flag_below: app_commands.Range[float, 0.0, 1.0] | None = None,
    ) -> None:
        """Show which of the messages scored so far a threshold would have flagged."""
        check_moderator(asker(interaction), channel)
        watched = await require_watched(self._reader, channel, channel.mention)
        if not await defer(interaction, private=True):
            return
        scored = await self._reader.store.scores.latest(channel.id)
        outcomes = await self._reader.store.cases.outcomes(channel.id)
        thresholds = (flag_below, watched.flag_below, 0.2)
        threshold = next(value for value in thresholds if value is not None)  # 0 is a threshold too
        suggestion = suggested_threshold(outcomes)
        await reply(interaction, await preview_answer(channel, watched, scored, outcomes, threshold, suggestion))

    @app_commands.command(extras={"example": "/review stats channel:#film-reviews days:30"})
    @app_commands.describe(channel=PLACE_OPTION, days="How many days to look back, from 1 to 365")
    @reply_on_error
    async def stats(self, interaction: Interaction, channel: Place, days: app_commands.Range[int, 1, 365] = 30) -> None:
        """Show how many messages a channel had and how positive they were, by day. Never about one person."""
        check_moderator(asker(interaction), channel)
        await require_watched(self._reader, channel, channel.mention)
        if not await defer(interaction, private=True):
            return
        now = discord.utils.utcnow()
        scored = await self._reader.store.scores.latest(channel.id, now - timedelta(days=days))
        await reply(interaction, await stats_answer(channel.mention, scored, days, now.date()))

    @app_commands.command(extras={"example": "/review case number:12"})
    @app_commands.describe(number="The number on a card or in a digest")
    @reply_on_error
    async def case(self, interaction: Interaction, number: app_commands.Range[int, 1, 2**31]) -> None:
        """Show the history of a case, and post its card if it has none."""
        store, guild = self._reader.store, server(interaction)
        case = await store.cases.by_number(guild.id, number)
        place = None if case is None else find_place(guild, case.channel_id) or find_place(guild, case.place_id)
        log = None if case is None else find_place(guild, case.log_channel_id)
        if case is None or place is None or log is None:
            raise UsageError(f"There is no case {number:,}. It never existed, or its message was deleted.")
        check_moderator(asker(interaction), place, log)
        if not await defer(interaction, private=True):
            return
        await self._reader.triage.show_card(case)
        now = await store.cases.get(case.id) or case
        await reply(interaction, case_answer(now, await store.cases.history(case.id)))
