"""`/review audit` and `/review measure`: labelling a question's messages, and measuring it on them."""

from dataclasses import replace
from functools import partial
from typing import Literal

from discord import app_commands

from bot.answers.answering import defer, reply
from bot.answers.client import Interaction
from bot.answers.delivery import Delivery, deliver
from bot.answers.error_reply import reply_on_error
from bot.decisions.calibration import CalibrationMethod
from bot.decisions.gate import decision_of, missing_cases
from bot.errors import UsageError
from bot.features.review.commands.shared import (
    PLACE_OPTION,
    ReviewCommands,
    asker,
    require_place_question,
    require_question,
    server,
    suggest_questions,
)
from bot.features.review.embeds.report import report_answer, report_picture
from bot.features.review.measuring.confirming import ConfirmButton
from bot.features.review.measuring.measuring import Candidate, MeasuringOptions, Report
from bot.features.review.places import Place, check_moderator
from bot.rendering.pictures.picture import draw_in_thread
from bot.storage.question_records import PlaceQuestion


class MeasuringCommands(ReviewCommands):
    """The commands with which moderators find out how good a question is."""

    @app_commands.command(extras={"example": "/review audit channel:#lobby question:spam"})
    @app_commands.describe(channel=PLACE_OPTION, question="A question that is asked there")
    @reply_on_error
    async def audit(self, interaction: Interaction, channel: Place, question: str) -> None:
        """Label random messages that a question didn't flag, one at a time, without seeing its score."""
        check_moderator(asker(interaction), channel)
        asked = await require_place_question(self._reader.store, channel, question)
        if not await defer(interaction, private=True):
            return
        store = self._reader.store
        await store.audit.record(channel.guild.id, channel.id, interaction.user.id, "audit", asked.name)
        await reply(interaction, await self._reader.audits.next_card(asked, channel.guild))

    @app_commands.command(extras={"example": "/review measure channel:#lobby question:spam against:spam2"})
    @app_commands.describe(
        channel=PLACE_OPTION,
        question="A question that is asked there",
        against="Another question of this server, to compare on the same cases",
        threshold="choose: take the best threshold of the development part. keep, the default: the one in force",
        calibration="Another calibration of P(label) than the one in force",
    )
    @reply_on_error
    async def measure(
        self,
        interaction: Interaction,
        channel: Place,
        question: str,
        against: str | None = None,
        threshold: Literal["keep", "choose"] = "keep",
        calibration: CalibrationMethod | None = None,
    ) -> None:
        """Measure a question on this channel's labelled cases. A moderator confirms the report before it alerts."""
        check_moderator(asker(interaction), channel)
        asked = await require_place_question(self._reader.store, channel, question)
        other = None if against is None else await self._candidate(interaction, channel, asked, against)
        if not await defer(interaction, private=True):
            return
        options = MeasuringOptions(threshold == "choose", calibration)
        report = await self._reader.measuring.run(interaction, channel.guild, asked, other, options)
        store = self._reader.store
        detail = f"{asked.name} version {asked.version}"
        await store.audit.record(channel.guild.id, channel.id, interaction.user.id, "measure", detail)
        await self._show(interaction, report)

    async def _show(self, interaction: Interaction, report: Report) -> None:
        """Show a report. It counts as seen only once Discord has it."""
        answer = report_answer(
            report.question,
            report.model,
            report.rule,
            report.against,
            report.comparison,
            cases=report.cases,
            absences=report.absences,
        )
        if not missing_cases(report.stored.held_out, report.stored.flagging):
            answer = replace(answer, view=ConfirmButton.below(report.stored.id))
        shown = answer.with_picture(await draw_in_thread(report_picture, report.rule), "calibration.png")
        edit = partial(interaction.edit_original_response, embed=shown.embed, view=shown.view)
        if await deliver(interaction, lambda: edit(attachments=shown.files())) is Delivery.DONE:
            await self._reader.store.measurements.mark_reported(report.stored.id)

    async def _candidate(self, interaction: Interaction, channel: Place, asked: PlaceQuestion, name: str) -> Candidate:
        """Return the question to compare with, as it is asked in the place, or else with the same label."""
        question = await require_question(self._reader.store, server(interaction), name)
        in_place = await self._reader.store.place_questions.in_place(channel.id)
        if (own := next((each for each in in_place if each.question_id == question.id), None)) is not None:
            return Candidate(own.name, decision_of(own.definition), own.rule)
        decision = decision_of(question.definition)
        wanted = asked.rule.flag_label.strip().casefold()
        label = next((label for label in decision.labels if label.strip().casefold() == wanted), None)
        if label is None:
            listed = ", ".join(label.strip() for label in decision.labels)
            raise UsageError(
                f"{question.name} has no label {asked.rule.flag_label.strip()!r}; its labels are {listed}. Ask it in "
                f"{channel.mention} with /review watch first, and say there which label flags."
            )
        rule = replace(asked.rule, version_id=question.version_id, flag_label=label, calibration="none", prior="[]")
        return Candidate(question.name, decision, rule, has_threshold=False)

    @audit.autocomplete("question")
    @measure.autocomplete("question")
    @measure.autocomplete("against")
    async def suggest_measured(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        """Suggest this server's questions."""
        return await suggest_questions(self._reader.store, interaction, current)
