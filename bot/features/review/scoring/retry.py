"""*Try again* below `/review status`: messages that could not be scored get all their tries again."""

import re
from typing import Any

import discord

from bot.answers.client import Interaction
from bot.answers.components import PersistentButton, view_of
from bot.answers.delivery import acknowledge
from bot.errors import NotPermitted
from bot.features.review.embeds.status import retry_text
from bot.features.review.permissions import may_moderate
from bot.features.review.places import find_place


class RetryButton(PersistentButton, template=r"review:retry"):
    """Tries again what could not be scored in the places that the presser may moderate."""

    def __init__(self) -> None:
        super().__init__(discord.ui.Button(label="Try again", custom_id="review:retry"))

    @classmethod
    def of(cls, _: re.Match[str]) -> "RetryButton":
        """Return the button that was pressed."""
        return cls()

    async def press(self, interaction: Interaction) -> None:
        """Try again, and say how many messages that are."""
        reader: Any = interaction.client.get_cog("ReviewReader")
        guild, member = interaction.guild, interaction.user
        if reader is None or guild is None or not isinstance(member, discord.Member):
            raise NotPermitted("Review channels are switched off. Whoever runs the bot can turn them on.")
        if not await acknowledge(interaction, interaction.response.defer()):
            return
        count = 0
        for watched in await reader.store.places.in_guild(guild.id):
            place = find_place(guild, watched.place_id)
            if place is not None and may_moderate(member, place) and (tried := await reader.retry(place.id)):
                count += tried
                messages = "1 message" if tried == 1 else f"{tried:,} messages"
                await reader.store.audit.record(guild.id, place.id, member.id, "retry", messages)
        await interaction.followup.send(retry_text(count), ephemeral=True)


def retry_view() -> discord.ui.View:
    """Return the button."""
    return view_of(RetryButton())
