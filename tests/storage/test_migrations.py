"""A database of an earlier version is migrated with everything in it."""

from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from bot.storage.database import Database
from bot.storage.database_url import async_url
from bot.storage.records import AuthorRow, Exemption, OwnMessage, Pending
from bot.storage.schema import migrations
from bot.storage.store import ReviewStore
from tests.storage.people import (
    ADA,
    CHANNEL,
    FIRST,
    GRACE,
    GUILD,
    LOG,
    MORGAN,
    NOON,
    OTHER_CHANNEL,
    OTHER_GUILD,
    judge,
    write,
)  # fmt: skip

# Rows as the first version wrote them.
ROWS = f"""
INSERT INTO setting VALUES ('salt', 'salt of the first version');
INSERT INTO watched_channel VALUES
    ({CHANNEL}, {GUILD}, 0.25, {LOG}, 77, {FIRST + 1}, true, {MORGAN}, '{NOON:%Y-%m-%d %H:%M:%S.%f}'),
    ({OTHER_CHANNEL}, {OTHER_GUILD}, NULL, NULL, NULL, 0, false, {MORGAN}, '{NOON:%Y-%m-%d %H:%M:%S.%f}');
INSERT INTO message VALUES
    ({FIRST}, {CHANNEL}, {GUILD}, {ADA}, '{NOON:%Y-%m-%d %H:%M:%S.%f}', 'second', false),
    ({FIRST + 1}, {OTHER_CHANNEL}, {OTHER_GUILD}, {GRACE}, '{NOON:%Y-%m-%d %H:%M:%S.%f}', 'third', true);
INSERT INTO score (message_id, content_hash, model, positive_probability, margin, label_mass, scored_at) VALUES
    ({FIRST}, 'first', 'demo', 0.75, 1.5, 0.5, '{NOON:%Y-%m-%d %H:%M:%S.%f}'),
    ({FIRST}, 'second', 'demo', 0.25, 1.5, 0.5, '{NOON:%Y-%m-%d %H:%M:%S.%f}');
INSERT INTO opt_out VALUES ({MORGAN}, '{NOON:%Y-%m-%d %H:%M:%S.%f}');
INSERT INTO exemption VALUES ({GUILD}, 'role', 7)
"""  # noqa: S608 – our own numbers


def make_first_version(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TIME ZONE 'UTC'"))
    command.upgrade(migrations(connection), "0001")
    for row in ROWS.split(";"):
        connection.execute(text(row))


async def test_nothing_of_the_first_version_is_lost(url: str) -> None:
    engine = create_async_engine(async_url(url))
    async with engine.begin() as connection:
        await connection.run_sync(make_first_version)
    await engine.dispose()

    database = Database(url)
    await database.open()
    store = ReviewStore(database)
    first, second = await store.places.all()
    assert (first.place_id, first.flag_below, first.log_channel_id, first.live) == (CHANNEL, 0.25, LOG, True)
    assert (first.last_message_id, first.watched_at) == (FIRST + 1, NOON)
    for place in (first, second):
        assert (place.label, place.urgent_below, place.excerpts) == ("none", None, False)
        assert (place.suspended_at, place.digest_at) == (None, None)
    message = (FIRST, CHANNEL, CHANNEL, GUILD, NOON, "second", False)
    assert await store.privacy.messages_of(ADA) == [
        AuthorRow(*message, "first", "demo", 0.75, 1.5, 0.5, NOON),
        AuthorRow(*message, "second", "demo", 0.25, 1.5, 0.5, NOON),
    ]
    assert await store.messages.pending(10) == [
        Pending(FIRST + 1, OTHER_CHANNEL, OTHER_CHANNEL, "third", backfilled=False)
    ]
    assert await store.privacy.has_opted_out(MORGAN)
    assert await store.privacy.exemptions(GUILD) == [Exemption(GUILD, "role", 7)]
    assert await store.showing.due(10) == [], "earlier scores are not shown now"
    assert not await store.places.set_digest_at(CHANNEL, NOON, NOON)
    assert await store.places.set_digest_at(CHANNEL, None, NOON)
    await write(store, FIRST + 2)
    await judge(store, FIRST + 2)
    assert [score.message_id for score in await store.showing.due(10)] == [FIRST + 2]
    await store.places.unwatch(CHANNEL)
    assert await store.own_messages.due_deletions(10) == [OwnMessage(CHANNEL, 77)], "the notice is remembered"
    await database.close()
