"""What a place itself shows of a message's score, and how the bot finds what it posted but crashed before recording."""

import contextlib
from collections.abc import Sequence

import discord

from bot.features.review.embeds.card import REACTIONS, label_text
from bot.storage.records import Due, Label, ShownLabel, UntrackedMessage

LOOK_BACK = 100  # messages of a channel, the newest


class Labels:
    """Labels messages in their own channels, once each."""

    def __init__(self, bot: discord.Client) -> None:
        self._bot = bot
        self._own_history = OwnHistory(bot)

    async def show(self, due: Due, kind: Label) -> tuple[ShownLabel | None, int | None]:
        """Label a message, or change its label; return what the label says, and its reply's id.

        Raises discord.HTTPException.
        """
        says: ShownLabel = "positive" if due.margin > 0 else "negative"
        if kind == "none" or (says == due.shown_label and kind == "react"):
            return due.shown_label, due.label_message_id
        channel = self._bot.get_partial_messageable(due.channel_id, guild_id=due.guild_id)
        message = channel.get_partial_message(due.message_id)
        if kind == "react":
            assert self._bot.user is not None  # noqa: S101  # it is logged in
            if due.shown_label is not None:
                await message.remove_reaction(REACTIONS[due.shown_label], self._bot.user)
            await message.add_reaction(REACTIONS[says])
            return says, due.label_message_id
        text = label_text(says, due.positive_probability)
        reply_id = due.label_message_id or await self._posted_before(channel, due.message_id)
        if reply_id is not None:
            with contextlib.suppress(discord.NotFound):  # somebody deleted the label, not the message
                await channel.get_partial_message(reply_id).edit(content=text)
            return says, reply_id
        sent = await message.reply(text, mention_author=False, silent=True, nonce=f"label-{due.message_id}")
        return says, sent.id

    async def remove(self, untracked: UntrackedMessage) -> None:
        """Remove the reaction from a message that is no longer tracked. Raises discord.HTTPException."""
        if untracked.shown_label is None or untracked.label_message_id is not None:  # a reply is deleted like a card
            return
        assert self._bot.user is not None  # noqa: S101  # it is logged in
        channel = self._bot.get_partial_messageable(untracked.channel_id, guild_id=untracked.guild_id)
        await channel.get_partial_message(untracked.message_id).remove_reaction(
            REACTIONS[untracked.shown_label], self._bot.user
        )

    def look_again(self, channel_id: int) -> None:
        """Look for labels in a channel next time: Discord did not say whether it took one."""
        self._own_history.look_again(channel_id)

    async def _posted_before(self, channel: discord.PartialMessageable, message_id: int) -> int | None:
        try:
            said = await self._own_history.said_in(channel)
        except discord.Forbidden:  # the bot may write there and not read what was said
            return None
        return next((one.id for one in said if one.reference and one.reference.message_id == message_id), None)


def is_gone(refusal: discord.HTTPException) -> bool:
    """Return whether a label was refused because its message is deleted."""
    # For a reply that is no 404 but a field that Discord finds wrong.
    return refusal.status == 404 or (refusal.status == 400 and "message_reference" in refusal.text)


class OwnHistory:
    """The bot's own messages among the newest of a channel, read once, before the bot posts there.

    A run that ended between posting and recording left such a message, and so did a request whose response was lost.
    """

    def __init__(self, bot: discord.Client) -> None:
        self._bot = bot
        self._said: dict[int, Sequence[discord.Message]] = {}

    async def said_in(self, channel: discord.PartialMessageable) -> Sequence[discord.Message]:
        """Return the bot's messages in `channel`, the newest first. Raises discord.HTTPException."""
        if channel.id not in self._said:
            found = [one async for one in channel.history(limit=LOOK_BACK) if one.author == self._bot.user]
            self._said[channel.id] = found
        return self._said[channel.id]

    def look_again(self, channel_id: int) -> None:
        """Read a channel again next time: Discord did not say whether it accepted a message there."""
        self._said.pop(channel_id, None)
