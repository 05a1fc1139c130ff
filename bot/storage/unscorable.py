"""Messages of which nothing can be said any more, for their authors left no text that a model could judge."""

from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage.case_records import Case
from bot.storage.case_statements import add_event, one_case
from bot.storage.database import Database
from bot.storage.forgetting import delete_later, delete_messages
from bot.storage.records import LetGo
from bot.storage.statements import NO_FAULT, changed_rows
from bot.storage.tables import Message, ReviewCase, Score

# In the order of LetGo's fields.
_COLUMNS: tuple[Any, ...] = (
    Message.message_id,
    Message.guild_id,
    Message.posted_in,
    Message.shown_label,
    Message.label_message_id,
)


class Unscorable:
    """The messages of `database` whose present content is empty, or more than a model reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def let_go(self, message_id: int, text: str, *, waited_as: str | None = None) -> LetGo | None:
        """Forget a message that says `text` now, with its scores; None where it is not kept, or was let go before.

        One that moderators were asked about stays without them: its case is withdrawn, unless it is decided. With
        `waited_as`, the hash of a content, also None where the message does not wait for the score of that any more.
        """
        content_hash = self._database.content_hash(text)
        this = Message.message_id == message_id
        if waited_as is None:
            is_another = Message.pending | (Message.content_hash != content_hash)
        else:
            is_another = Message.pending & (Message.content_hash == waited_as)
        said = select(*_COLUMNS).where(this, is_another)
        async with self._database.session() as session:
            row = (await session.execute(said.with_for_update())).first()
            if row is None:
                return None
            of_it = ReviewCase.message_id == message_id
            await session.execute(select(ReviewCase.id).where(of_it).with_for_update())
            case = await one_case(session, of_it)
            if case is None:
                await delete_messages(session, this)
            else:
                await _unscore(session, this, content_hash)
                await _withdraw(session, case)
        await self._database.erase()
        return LetGo(*row)


async def _unscore(session: AsyncSession, this: ColumnElement[bool], content_hash: str) -> None:
    labels = select(Message.posted_in, Message.label_message_id).where(this, Message.label_message_id.is_not(None))
    await delete_later(session, labels)
    await session.execute(delete(Score).where(Score.message_id.in_(select(Message.message_id).where(this))))
    said: dict[str, object] = {"content_hash": content_hash, "pending": False, "acts": False} | NO_FAULT
    shown = {"shown_label": None, "label_message_id": None}
    await changed_rows(session, update(Message).where(this).values(said | shown))


async def _withdraw(session: AsyncSession, case: Case) -> None:
    withdrawn = {"state": "withdrawn", "claimed_by": None} if case.state in {"open", "claimed"} else {}
    statement = update(ReviewCase).where(ReviewCase.id == case.id)
    await changed_rows(session, statement.values(withdrawn | {"card_behind": True}))
    await add_event(session, case.id, "unscored")
