"""A database of an earlier version is migrated with everything in it."""

from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from bot.storage.database import Database
from bot.storage.database_url import async_url
from bot.storage.records import AuthorRow, Case, CaseOutcome, Exemption, OwnMessage, Pending
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
    flag,
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


# Rows as the fifth version wrote them, with a case that was deleted after it had the highest id.
FIFTH_ROWS = f"""
INSERT INTO watched_channel (channel_id, guild_id, flag_below, log_channel_id, watched_by, watched_at) VALUES
    ({CHANNEL}, {GUILD}, 0.25, {LOG}, {MORGAN}, '{NOON:%Y-%m-%d %H:%M:%S.%f}');
INSERT INTO message (message_id, channel_id, guild_id, author_id, posted_at, content_hash, pending, posted_in) VALUES
    ({FIRST}, {CHANNEL}, {GUILD}, {ADA}, '{NOON:%Y-%m-%d %H:%M:%S.%f}', 'first', false, {CHANNEL}),
    ({FIRST + 1}, {CHANNEL}, {GUILD}, {ADA}, '{NOON:%Y-%m-%d %H:%M:%S.%f}', 'second', false, {CHANNEL});
INSERT INTO review_case (guild_id, number, message_id, place_id, log_channel_id, urgent, flag_below,
    positive_probability, margin, label_mass, model, state, decided_by, opened_at, card_message_id, card_behind) VALUES
    ({GUILD}, 1, {FIRST}, {CHANNEL}, {LOG}, true, 0.25, 0.125, -2.5, 0.5, 'demo', 'confirmed', {MORGAN},
     '{NOON:%Y-%m-%d %H:%M:%S.%f}', 99, true),
    ({GUILD}, 2, {FIRST + 1}, {CHANNEL}, {LOG}, false, 0.25, 0.125, -2.5, 0.5, 'demo', 'open', NULL,
     '{NOON:%Y-%m-%d %H:%M:%S.%f}', NULL, false);
INSERT INTO case_event (case_id, number, kind, user_id, at, note, positive_probability) VALUES
    (1, 1, 'opened', NULL, '{NOON:%Y-%m-%d %H:%M:%S.%f}', NULL, 0.125),
    (1, 2, 'confirmed', {MORGAN}, '{NOON:%Y-%m-%d %H:%M:%S.%f}', NULL, NULL);
INSERT INTO verdict (channel_id, positive_probability, confirmed, decided_on) VALUES
    ({CHANNEL}, 0.13, true, '{NOON:%Y-%m-%d}');
INSERT INTO case_counter VALUES ({GUILD}, 2);
DELETE FROM review_case WHERE id = 2
"""  # noqa: S608 – our own numbers


def make_version(connection: Connection, version: str, rows: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TIME ZONE 'UTC'"))
    command.upgrade(migrations(connection), version)
    for row in rows.split(";"):
        connection.execute(text(row))


async def test_nothing_of_the_first_version_is_lost(url: str) -> None:
    engine = create_async_engine(async_url(url))
    async with engine.begin() as connection:
        await connection.run_sync(make_version, "0001", ROWS)
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


async def test_cases_of_the_fifth_version_keep_their_ids_and_history(url: str) -> None:
    engine = create_async_engine(async_url(url))
    async with engine.begin() as connection:
        await connection.run_sync(make_version, "0005", FIFTH_ROWS)
    await engine.dispose()

    database = Database(url)
    await database.open()
    store = ReviewStore(database)
    case = await store.cases.get(1)
    assert case == Case(
        id=1, guild_id=GUILD, number=1, message_id=FIRST, place_id=CHANNEL, channel_id=CHANNEL, author_id=ADA,
        posted_at=NOON, log_channel_id=LOG, urgent=True, flag_below=0.25, positive_probability=0.125, margin=-2.5,
        label_mass=0.5, model="demo", state="confirmed", claimed_by=None, decided_by=MORGAN, opened_at=NOON,
        card_message_id=99, digest_message_id=None, place_question_id=0,
    )  # fmt: skip
    assert [(event.number, event.kind, event.user_id) for event in await store.cases.history(1)] == [
        (1, "opened", None),
        (2, "confirmed", MORGAN),
    ]
    assert await store.cases.outcomes(CHANNEL) == [CaseOutcome(0.13, True, NOON.date())]
    assert await store.cards.outdated(10) == [1], "the card is still to be updated"
    await store.places.set_live(CHANNEL, True)
    opened = await flag(store, FIRST + 2)
    assert (opened.id, opened.number) == (3, 3), "buttons in Discord have the id of the deleted case"
    await store.messages.delete([FIRST])
    assert await store.cases.history(1) == [], "the history still belongs to its case"
    assert await store.own_messages.due_deletions(10) == [OwnMessage(LOG, 99)]
    await database.close()
