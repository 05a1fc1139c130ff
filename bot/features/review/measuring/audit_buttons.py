"""The buttons below a message in an audit. They contain everything that a press needs, so they work after a restart."""

import re
from collections.abc import Sequence

import discord

from bot.answers.answering import reply
from bot.answers.client import Interaction
from bot.answers.components import PersistentButton
from bot.answers.delivery import acknowledge
from bot.errors import NotPermitted, ReceiptUnusable
from bot.features.review.access import reviews_of
from bot.features.review.measuring.audit_card import AuditCard
from bot.features.review.places import check_moderator, find_place
from bot.rendering.prose import visible_excerpt
from bot.storage.question_records import PlaceQuestion

LABEL_SHOWN = 60
_CARD = r"audit:(?P<question>\d+):(?P<version>\d+):(?P<message>\d+):(?P<hash>\w+):(?P<weight>[\d.e+-]+)"


def audit_view(card: AuditCard, labels: Sequence[str]) -> discord.ui.View:
    """Return a button for each label, *Skip* and *Stop*."""
    view = discord.ui.View(timeout=None)
    for number, label in enumerate(labels):
        view.add_item(AuditButton(card, str(number), visible_excerpt(label.strip(), LABEL_SHOWN)))
    for action in ("skip", "stop"):
        view.add_item(AuditButton(card, action))
    return view


class AuditButton(PersistentButton, template=rf"{_CARD}:(?P<action>\d|skip|stop)"):
    """A label, *Skip* or *Stop*, for moderators of the place."""

    def __init__(self, card: AuditCard, action: str, label: str = "") -> None:
        style = discord.ButtonStyle.primary if action.isdigit() else discord.ButtonStyle.secondary
        super().__init__(
            discord.ui.Button(label=label or action.capitalize(), style=style, custom_id=card.custom_id(action))
        )
        self._card, self._action = card, action

    @classmethod
    def of(cls, match: re.Match[str]) -> "AuditButton":
        """Return the button that was pressed."""
        question, version, message = (int(match[name]) for name in ("question", "version", "message"))
        return cls(AuditCard(question, version, message, match["hash"], float(match["weight"])), match["action"])

    async def press(self, interaction: Interaction) -> None:
        """Record the label, and show the next message in the same place."""
        audits = reviews_of(interaction.client).audits
        question = await reviews_of(interaction.client).place_question(self._card.question_id)
        if question is None or interaction.guild is None or question.guild_id != interaction.guild.id:
            raise ReceiptUnusable("This question is no longer asked in that channel.")
        check_place(interaction, question)
        if not await acknowledge(interaction, interaction.response.defer()):
            return
        if self._action == "stop":
            await reply(interaction, await audits.stop(question))
            return
        note = ""
        if self._action != "skip":
            note = await audits.label(self._card, int(self._action), interaction.user.id)
        passed_over = [self._card.message_id]
        await reply(
            interaction, await audits.next_card(question, interaction.guild, passed_over=passed_over, note=note)
        )


def check_place(interaction: Interaction, question: PlaceQuestion) -> None:
    """Raise NotPermitted unless the presser moderates the place of a question."""
    assert interaction.guild is not None  # noqa: S101  # the caller checked it
    assert isinstance(interaction.user, discord.Member)  # noqa: S101  # as in every server
    place = find_place(interaction.guild, question.place_id)
    if place is None:
        raise NotPermitted(f"The bot can't see <#{question.place_id}>, so it can't check your permissions.")
    check_moderator(interaction.user, place)
