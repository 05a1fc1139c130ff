"""Labels in a place, and finding messages that the bot posted but crashed before recording."""

import contextlib
from collections.abc import Sequence

import discord

from bot.features.review.embeds.card import REACTIONS, label_text
from bot.storage.records import Due, Label, ShownLabel, UntrackedMessage

LOOK_BACK = 100  # newest messages of a channel


class Labels:
    """Labels messages in their own channels, each once."""

    def __init__(self, bot: discord.Client) -> None:
        self._bot = bot
        self._own_history = OwnHistory(bot)

    async def show(self, due: Due, kind: Label) -> tuple[ShownLabel | None, int | None]:
        """Label a message, or change its label; return the label, and the id of the reply that shows it.

        Raises discord.HTTPException.
        """
        label: ShownLabel = "positive" if due.margin > 0 else "negative"
        if kind == "none" or (label == due.shown_label and kind == "react"):
            return due.shown_label, due.label_message_id
        channel = self._bot.get_partial_messageable(due.channel_id, guild_id=due.guild_id)
        message = channel.get_partial_message(due.message_id)
        if kind == "react":
            assert self._bot.user is not None  # noqa: S101  # it is logged in
            if due.shown_label is not None:
                await message.remove_reaction(REACTIONS[due.shown_label], self._bot.user)
            await message.add_reaction(REACTIONS[label])
            return label, due.label_message_id
        text = label_text(label, due.positive_probability)
        reply_id = due.label_message_id or await self._find_reply(channel, due.message_id)
        if reply_id is not None:
            with contextlib.suppress(discord.NotFound):  # the label was deleted, not the message
                await channel.get_partial_message(reply_id).edit(content=text)
            return label, reply_id
        sent = await message.reply(text, mention_author=False, silent=True, nonce=f"label-{due.message_id}")
        return label, sent.id

    async def remove(self, untracked: UntrackedMessage) -> None:
        """Remove the reaction from a message that is no longer tracked. Raises discord.HTTPException."""
        if untracked.shown_label is None or untracked.label_message_id is not None:  # replies are deleted like cards
            return
        assert self._bot.user is not None  # noqa: S101  # it is logged in
        channel = self._bot.get_partial_messageable(untracked.channel_id, guild_id=untracked.guild_id)
        await channel.get_partial_message(untracked.message_id).remove_reaction(
            REACTIONS[untracked.shown_label], self._bot.user
        )

    def look_again(self, channel_id: int) -> None:
        """Read a channel again before the next label: Discord did not say whether it accepted the last one."""
        self._own_history.look_again(channel_id)

    async def _find_reply(self, channel: discord.PartialMessageable, message_id: int) -> int | None:
        try:
            history = await self._own_history.messages_in(channel)
        except discord.Forbidden:  # the bot can write there, but not read the history
            return None
        return next((own.id for own in history if own.reference and own.reference.message_id == message_id), None)


def is_gone(refusal: discord.HTTPException) -> bool:
    """Return whether a label was refused because its message is deleted."""
    # For a reply, Discord answers 400 with an invalid message_reference instead of 404.
    return refusal.status == 404 or (refusal.status == 400 and "message_reference" in refusal.text)


class OwnHistory:
    """The bot's own messages among the newest 100 of a channel, read once, before the bot posts there.

    They include messages that were posted but not recorded, because the bot crashed or a response was lost.
    """

    def __init__(self, bot: discord.Client) -> None:
        self._bot = bot
        self._messages: dict[int, Sequence[discord.Message]] = {}

    async def messages_in(self, channel: discord.PartialMessageable) -> Sequence[discord.Message]:
        """Return the bot's messages in `channel`, newest first. Raises discord.HTTPException."""
        if channel.id not in self._messages:
            history = channel.history(limit=LOOK_BACK)
            self._messages[channel.id] = [message async for message in history if message.author == self._bot.user]
        return self._messages[channel.id]

    def look_again(self, channel_id: int) -> None:
        """Read a channel again next time: Discord did not say whether it accepted the last message."""
        self._messages.pop(channel_id, None)
