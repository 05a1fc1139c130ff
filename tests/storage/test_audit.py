"""The audit log says who did what, and is kept for a year."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from bot.storage.database import Database
from bot.storage.records import AuditEntry
from bot.storage.store import ReviewStore
from bot.storage.tables import Audit
from tests.storage.people import CHANNEL, GUILD, MAX, MORGAN, OTHER_GUILD


async def test_the_latest_actions_of_a_server_come_first(store: ReviewStore) -> None:
    await store.audit.record(GUILD, CHANNEL, MORGAN, "watch", "flag_below 0.25")
    await store.audit.record(GUILD, None, MAX, "exempt", "role 7")
    await store.audit.record(OTHER_GUILD, CHANNEL, MORGAN, "export", "csv")
    newest, oldest = await store.audit.latest(GUILD, 10)
    assert newest == AuditEntry(None, MAX, "exempt", "role 7", newest.at)
    assert oldest == AuditEntry(CHANNEL, MORGAN, "watch", "flag_below 0.25", oldest.at)
    assert abs(datetime.now(UTC) - newest.at) < timedelta(minutes=1)
    assert await store.audit.latest(GUILD, 1) == [newest]


async def test_a_long_detail_is_cut(store: ReviewStore) -> None:
    await store.audit.record(GUILD, CHANNEL, MORGAN, "export", "\0" + "é" * 300)
    [entry] = await store.audit.latest(GUILD, 10)
    assert entry.detail == "é" * 200


async def test_entries_are_deleted_after_a_year(store: ReviewStore, database: Database) -> None:
    for days in (364, 366):
        await store.audit.record(GUILD, CHANNEL, MORGAN, "watch", str(days))
        async with database.session() as session:
            at = datetime.now(UTC) - timedelta(days=days)
            await session.execute(update(Audit).where(Audit.detail == str(days)).values(at=at))
    await store.audit.record(OTHER_GUILD, CHANNEL, MORGAN, "watch", "now")
    assert [entry.detail for entry in await store.audit.latest(GUILD, 10)] == ["364"]
