"""What a live channel itself shows of a message's score: a reaction, or a small reply."""

import discord

from bot.rendering.review_card import REACTIONS, label_text
from bot.storage.records import Due, Label, ShownLabel

REPLY_LOOK = 50  # messages after a labelled one, among which its label stands if an earlier run had posted it


async def show_label(
    bot: discord.Client, due: Due, kind: Label, *, look_first: bool
) -> tuple[ShownLabel | None, int | None]:
    """Label a message in its own channel, or change its label; return what the label says, and its reply's id.

    `look_first` looks for a reply that an earlier run of the bot may have posted without noting it.
    """
    says: ShownLabel = "positive" if due.margin > 0 else "negative"
    if kind == "none" or (says == due.shown_label and kind == "react"):
        return due.shown_label, due.label_message_id
    channel = bot.get_partial_messageable(due.posted_in, guild_id=due.guild_id)
    message = channel.get_partial_message(due.message_id)
    if kind == "react":
        assert bot.user is not None  # noqa: S101  # it is logged in
        if due.shown_label is not None:
            await message.remove_reaction(REACTIONS[due.shown_label], bot.user)
        await message.add_reaction(REACTIONS[says])
        return says, due.label_message_id
    text = label_text(says, due.positive_probability)
    reply_id = due.label_message_id
    if reply_id is None and look_first:
        reply_id = await _found_reply(bot, channel, due.message_id)
    if reply_id is not None:
        await channel.get_partial_message(reply_id).edit(content=text)
        return says, reply_id
    sent = await message.reply(text, mention_author=False, silent=True, nonce=f"label-{due.message_id}")
    return says, sent.id


async def _found_reply(bot: discord.Client, channel: discord.PartialMessageable, message_id: int) -> int | None:
    async for message in channel.history(after=discord.Object(message_id), limit=REPLY_LOOK, oldest_first=True):
        if message.author == bot.user and message.reference and message.reference.message_id == message_id:
            return message.id
    return None
