"""Deleting messages with their scores and cases, and scheduling what the bot posted about them for deletion."""

from typing import Any

from sqlalchemy import ColumnElement, Select, delete, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage.statements import changed_rows, insert_into, lock_message_ids, lock_messages
from bot.storage.tables import DueDeletion, Message, ReviewCase, StaleDigest


async def delete_messages(session: AsyncSession, which: ColumnElement[bool], *, in_discord: bool = True) -> int:
    """Delete messages with their scores and cases, and return how many there were.

    What the bot posted about them is scheduled for deletion from Discord. With `in_discord=False` it is not: the bot
    has left the server.
    """
    if in_discord and await lock_messages(session, which):
        await _schedule_deletions(session, which)
    # In the order of their ids: two deletions cannot deadlock.
    return await changed_rows(session, delete(Message).where(Message.message_id.in_(lock_message_ids(which))))


async def _schedule_deletions(session: AsyncSession, which: ColumnElement[bool]) -> None:
    labels = select(Message.channel_id, Message.label_message_id).where(which, Message.label_message_id.is_not(None))
    await delete_later(session, labels)
    of_them = ReviewCase.message_id.in_(select(Message.message_id).where(which))
    # Locked: a card may be recorded at the same time.
    if not (await session.execute(select(ReviewCase.id).where(of_them).with_for_update())).all():
        return
    card, digest = ReviewCase.card_message_id, ReviewCase.digest_message_id
    await delete_later(session, select(ReviewCase.log_channel_id, card).where(of_them, card.is_not(None)))
    digests = select(ReviewCase.log_channel_id, digest, literal(1)).where(of_them, digest.is_not(None)).distinct()
    statement = insert_into(session, StaleDigest).from_select(
        ["channel_id", "message_id", "times"], digests.order_by(ReviewCase.log_channel_id, digest)
    )
    key = [StaleDigest.channel_id, StaleDigest.message_id]
    await session.execute(statement.on_conflict_do_update(index_elements=key, set_={"times": StaleDigest.times + 1}))


async def delete_later(session: AsyncSession, own: Select[*tuple[Any, ...]]) -> None:
    """Schedule the deletion of the bot's messages that `own` selects by channel id and message id."""
    statement = insert_into(session, DueDeletion).from_select(["channel_id", "message_id"], own)
    await session.execute(statement.on_conflict_do_nothing())
