"""Confirming a measurement: a moderator saw its report, and lets the question alert with the measured rule."""

import re

import discord

from bot.answers.client import Interaction
from bot.answers.components import PersistentButton, view_of
from bot.answers.delivery import acknowledge
from bot.decisions.gate import decision_of, fingerprint, missing_cases
from bot.engine.executor import ModelExecutor
from bot.errors import ReceiptUnusable, UsageError
from bot.features.review.access import reviews_of
from bot.features.review.question_buttons import check_both
from bot.storage.question_records import Measurement, PlaceQuestion
from bot.storage.store import ReviewStore


class ConfirmButton(PersistentButton, template=r"measurement:confirm:(?P<measurement_id>\d+)"):
    """Confirms a measurement, for moderators of the place and its log channel."""

    def __init__(self, measurement_id: int) -> None:
        custom_id = f"measurement:confirm:{measurement_id}"
        button: discord.ui.Button[discord.ui.View] = discord.ui.Button(
            label="Confirm", style=discord.ButtonStyle.success, custom_id=custom_id
        )
        super().__init__(button)
        self._measurement_id = measurement_id

    @classmethod
    def of(cls, match: re.Match[str]) -> "ConfirmButton":
        """Return the button that was pressed."""
        return cls(int(match["measurement_id"]))

    @classmethod
    def below(cls, measurement_id: int) -> discord.ui.View:
        """Return the button for a measurement."""
        return view_of(cls(measurement_id))

    async def press(self, interaction: Interaction) -> None:
        """Confirm the measurement, or say why that is not possible."""
        reviews = reviews_of(interaction.client)
        check_both(interaction, await reviews.measured_question(self._measurement_id))
        if await acknowledge(interaction, interaction.response.defer()):
            text = await reviews.confirm_measurement(self._measurement_id, interaction.user.id)
            await interaction.followup.send(text, ephemeral=True)


async def confirm_measurement(
    store: ReviewStore, executor: ModelExecutor, measurement_id: int, user_id: int
) -> tuple[PlaceQuestion, Measurement]:
    """Put the measured rule in force and confirm the measurement; return both.

    Raises UsageError if there are too few cases, or the question or model changed since it was measured, and
    ReceiptUnusable if either was deleted.
    """
    measurement, model = await store.measurements.get(measurement_id), executor.status.model
    question = None if measurement is None else await store.place_questions.get(measurement.place_question_id)
    if measurement is None or question is None:
        raise ReceiptUnusable("This measurement was deleted with its question.")
    if model is None:
        raise UsageError("The model is still loading. Try again in a minute.")
    if missing := missing_cases(measurement.held_out, measurement.flagging):
        raise UsageError(f"This measurement can't be confirmed: {missing}.")
    if measurement.reported_at is None:
        raise UsageError("This measurement can't be confirmed: its report was not delivered. Measure again.")
    is_same_version = question.rule.version_id == measurement.rule.version_id
    if not is_same_version or measurement.fingerprint != fingerprint(
        decision_of(question.definition), measurement.rule, model
    ):
        raise UsageError("The question or the model changed after this was measured. Measure it again.")
    changed = await store.place_questions.set_rule(question.id, measurement.rule)
    confirmed = await store.measurements.confirm(measurement.id, user_id)
    if changed is None or confirmed is None:
        raise ReceiptUnusable("This measurement was deleted with its question.")
    return changed, confirmed
