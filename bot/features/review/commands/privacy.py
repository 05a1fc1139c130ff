"""`/privacy`: what is stored about members, a copy of it, its deletion, and opting out."""

from discord import app_commands
from discord.ext import commands

from bot.answers.answering import defer, reply
from bot.answers.client import BotClient, Interaction
from bot.answers.error_reply import reply_on_error
from bot.features.review.access import ReviewCog, find_reviews
from bot.features.review.embeds.privacy import deleted_answer, export_answer, opted_in_answer, privacy_answer
from bot.features.review.reader import ReviewReader


class Privacy(ReviewCog, commands.GroupCog, group_name="privacy"):
    """See, export or delete your own data, in all servers at once."""

    def __init__(self, reader: ReviewReader) -> None:
        self._store = reader.store
        self._publisher = reader.publisher

    @app_commands.command(name="info", extras={"example": "/privacy info"})
    @reply_on_error
    async def info(self, interaction: Interaction) -> None:
        """Show what the bot stores about you, and what you can do about it."""
        if not await defer(interaction, private=True):
            return
        await reply(interaction, privacy_answer(opted_out=await self._store.privacy.has_opted_out(interaction.user.id)))

    @app_commands.command(name="export", extras={"example": "/privacy export"})
    @reply_on_error
    async def export(self, interaction: Interaction) -> None:
        """Get a copy of everything the bot stores about you."""
        if not await defer(interaction, private=True):
            return
        user_id = interaction.user.id
        messages = await self._store.privacy.messages_of(user_id)
        cases = await self._store.privacy.cases_of(user_id)
        answers, labels = await self._store.privacy.answers_of(user_id), await self._store.privacy.labels_of(user_id)
        await reply(interaction, export_answer(messages, cases, answers, labels))

    @app_commands.command(name="delete", extras={"example": "/privacy delete"})
    @reply_on_error
    async def delete(self, interaction: Interaction) -> None:
        """Delete everything the bot stores about you, at once."""
        if not await defer(interaction, private=True):
            return
        count = await self._store.privacy.delete_messages_of(interaction.user.id)
        self._publisher.wake()  # cards and labels are deleted too
        await reply(
            interaction, deleted_answer(count, opted_out=await self._store.privacy.has_opted_out(interaction.user.id))
        )

    @app_commands.command(name="optout", extras={"example": "/privacy optout"})
    @reply_on_error
    async def optout(self, interaction: Interaction) -> None:
        """Delete everything the bot stores about you, and stop it from reading your messages."""
        if not await defer(interaction, private=True):
            return
        count = await self._store.privacy.opt_out(interaction.user.id)
        self._publisher.wake()  # cards and labels are deleted too
        await reply(interaction, deleted_answer(count, opted_out=True))

    @app_commands.command(name="optin", extras={"example": "/privacy optin"})
    @reply_on_error
    async def optin(self, interaction: Interaction) -> None:
        """Let the bot read your new messages again."""
        if not await defer(interaction, private=True):
            return
        await self._store.privacy.opt_in(interaction.user.id)
        await reply(interaction, opted_in_answer())


async def setup(bot: BotClient) -> None:
    """Add the commands if review channels are switched on."""
    reader = find_reviews(bot)
    if isinstance(reader, ReviewReader):
        await bot.add_cog(Privacy(reader))
