"""Fetching the texts of stored messages from Discord again. They are kept in memory only while they are used."""

from collections.abc import Awaitable, Callable, Iterable

import discord

from bot.answers.delivery import NO_NEWS_FROM_DISCORD
from bot.answers.message_text import message_text
from bot.features.review.embeds.absences import Absence
from bot.features.review.reading.exemptions import Exemptions
from bot.features.review.scoring import GONE
from bot.storage.database import Database
from bot.storage.store import ReviewStore


class Texts:
    """Fetches the texts of recorded messages."""

    def __init__(
        self,
        bot: discord.Client,
        database: Database,
        store: ReviewStore,
        exemptions: Exemptions,
        delete: Callable[[Iterable[int]], Awaitable[None]],
    ) -> None:
        """`delete` deletes what is stored about messages that turn out to be gone."""
        self._bot = bot
        self._database = database
        self._store = store
        self._exemptions = exemptions
        self._delete = delete

    async def fetch(
        self, guild: discord.Guild, channel_id: int, message_id: int, content_hash: str
    ) -> tuple[str, Absence | None]:
        """Return the text of a message, or "" and why it can't be used.

        It can't if the message is gone, was edited since `content_hash`, is by someone who opted out or is exempt, or
        if Discord doesn't show it.
        """
        try:
            message = await self._bot.get_partial_messageable(channel_id, guild_id=guild.id).fetch_message(message_id)
        except discord.NotFound as refusal:
            if refusal.code not in GONE:  # perhaps a proxy's 404: a deletion can't be undone
                return "", "unreadable"
            await self._delete([message_id])
            return "", "gone"
        except (discord.HTTPException, *NO_NEWS_FROM_DISCORD):
            return "", "unreadable"
        text = message_text(message)
        if self._database.content_hash(text) != content_hash:
            return "", "edited"
        has_left = await self._store.privacy.has_opted_out(message.author.id)
        if has_left or await self._exemptions.covers(message, guild):
            return "", "exempt"
        return text, None
