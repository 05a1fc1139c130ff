"""*Try again* below `/review status`: messages that could not be scored start their retries again."""

import re

import discord

from bot.answers.client import Interaction
from bot.answers.components import PersistentButton, view_of
from bot.answers.delivery import acknowledge
from bot.errors import NotPermitted
from bot.features.review.access import find_reviews
from bot.features.review.embeds.status import retry_text


class RetryButton(PersistentButton, template=r"review:retry"):
    """Retries messages that could not be scored, in the places that the presser moderates."""

    def __init__(self) -> None:
        super().__init__(discord.ui.Button(label="Try again", custom_id="review:retry"))

    @classmethod
    def of(cls, _: re.Match[str]) -> "RetryButton":
        """Return the button that was pressed."""
        return cls()

    async def press(self, interaction: Interaction) -> None:
        """Retry the messages, and say how many there are."""
        reviews, member = find_reviews(interaction.client), interaction.user
        if reviews is None or not isinstance(member, discord.Member):
            raise NotPermitted(
                "Review channels are switched off. The bot's operator can turn them on with BOT_REVIEWS."
            )
        if await acknowledge(interaction, interaction.response.defer()):
            await interaction.followup.send(retry_text(await reviews.retry_for(member)), ephemeral=True)


def retry_view() -> discord.ui.View:
    """Return a view with the button."""
    return view_of(RetryButton())
