"""The button below the message that a question is in shadow again. It works after a restart."""

import re

import discord

from bot.answers.client import Interaction
from bot.answers.components import PersistentButton, view_of
from bot.answers.delivery import acknowledge
from bot.errors import ReceiptUnusable
from bot.features.review.access import reviews_of
from bot.features.review.places import check_moderator_of
from bot.storage.question_records import PlaceQuestion

NOTHING_TO_RESTORE = (
    "There is no earlier version to go back to: none was confirmed, or the model has changed since. Measure the "
    "question again."
)


class BackButton(PersistentButton, template=r"question:back:(?P<question_id>\d+)"):
    """Puts the version, rule and confirmation in force that held before, for moderators of both channels."""

    def __init__(self, question_id: int) -> None:
        label, custom_id = "Back to the previous one", f"question:back:{question_id}"
        super().__init__(discord.ui.Button(label=label, custom_id=custom_id))
        self._question_id = question_id

    @classmethod
    def of(cls, match: re.Match[str]) -> "BackButton":
        """Return the button that was pressed."""
        return cls(int(match["question_id"]))

    @classmethod
    def below(cls, question_id: int) -> discord.ui.View:
        """Return the button for a place's question."""
        return view_of(cls(question_id))

    async def press(self, interaction: Interaction) -> None:
        """Restore what held before, or say why that is not possible."""
        reviews = reviews_of(interaction.client)
        check_both(interaction, await reviews.place_question(self._question_id))
        if await acknowledge(interaction, interaction.response.defer()):
            text = await reviews.restore_question(self._question_id, interaction.user.id)
            await interaction.followup.send(text or NOTHING_TO_RESTORE, ephemeral=True)


def check_both(interaction: Interaction, question: PlaceQuestion | None) -> None:
    """Raise ReceiptUnusable for a removed question, and NotPermitted unless the presser moderates both channels."""
    if question is None or question.guild_id != interaction.guild_id:
        raise ReceiptUnusable("This question is no longer asked in that channel.")
    assert isinstance(interaction.user, discord.Member)  # noqa: S101  # as in every server
    check_moderator_of(interaction.user, question.place_id, question.log_channel_id)
