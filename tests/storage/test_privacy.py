"""Data that members or moderators ask to delete is deleted, down to the bytes on the disk."""

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.storage.database import Database
from bot.storage.records import AuthorRow, Exemption
from bot.storage.store import ReviewStore
from bot.storage.tables import CaseEvent, Message, ReviewCase, Score
from tests.storage.people import (
    ADA,
    CHANNEL,
    FIRST,
    GRACE,
    GUILD,
    LOG,
    MODEL,
    MORGAN,
    NOON,
    OTHER_GUILD,
    flag,
    go_live,
    judge,
    watch,
    write,
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("watched")


async def test_members_get_everything_stored_about_their_messages(store: ReviewStore, database: Database) -> None:
    await write(store, text="Good.")
    await judge(store, probability=0.75)
    await write(store, text="Bad.")
    await write(store, FIRST + 1, author=GRACE)
    good, bad = database.content_hash("Good."), database.content_hash("Bad.")
    [row] = await store.privacy.messages_of(ADA)
    assert row == AuthorRow(
        FIRST, CHANNEL, CHANNEL, GUILD, NOON, bad, True, good, MODEL, 0.75, 1.5, 0.75, row.scored_at
    )  # fmt: skip
    [unscored] = await store.privacy.messages_of(GRACE)
    assert (unscored.message_id, unscored.pending, unscored.model, unscored.scored_at) == (FIRST + 1, True, None, None)


async def test_messages_are_deleted_with_their_scores(store: ReviewStore) -> None:
    for message in (FIRST, FIRST + 1, FIRST + 2):
        await write(store, message)
        await judge(store, message)
    assert await store.messages.delete([FIRST, FIRST + 2, FIRST + 2, 5]) == 2
    assert await store.messages.delete([]) == 0
    assert [row.message_id for row in await store.scores.latest(CHANNEL)] == [FIRST + 1]
    assert await write(store), "a deleted message is new again"


async def test_any_number_of_messages_can_be_deleted_at_once(store: ReviewStore) -> None:
    await write(store)
    assert await store.messages.delete(range(FIRST - 50_000, FIRST + 50_000)) == 1


async def test_deleting_one_author_s_messages_keeps_the_others(store: ReviewStore) -> None:
    for message, author in ((FIRST, ADA), (FIRST + 1, GRACE), (FIRST + 2, ADA)):
        await write(store, message, author=author)
        await judge(store, message)
    assert await store.privacy.delete_messages_of(ADA) == 2
    assert await store.privacy.delete_messages_of(ADA) == 0
    assert [row.author_id for row in await store.scores.latest(CHANNEL)] == [GRACE]
    assert await write(store), "their next message is recorded"


async def test_what_an_author_did_as_a_moderator_stays(store: ReviewStore) -> None:
    await go_live(store)
    case = await flag(store, author=GRACE)
    await store.cases.claim(case.id, ADA)
    await store.audit.record(GUILD, CHANNEL, ADA, "watch", "flag_below 0.25")
    await write(store, FIRST + 1)
    assert await store.privacy.delete_messages_of(ADA) == 1
    assert await store.privacy.opt_out(ADA) == 0
    assert [entry.user_id for entry in await store.audit.latest(GUILD, 10)] == [ADA]
    assert [(event.kind, event.user_id) for event in await store.cases.history(case.id)][1:] == [("claimed", ADA)]


async def test_opting_out_deletes_messages_and_stops_recording_until_opting_in(store: ReviewStore) -> None:
    await write(store)
    await write(store, FIRST + 1, author=GRACE)
    assert not await store.privacy.has_opted_out(ADA)
    assert await store.privacy.opt_out(ADA) == 1
    assert await store.privacy.opt_out(ADA) == 0
    assert await store.privacy.has_opted_out(ADA)
    assert not await write(store)
    assert not await write(store, FIRST + 2)
    assert await store.privacy.messages_of(ADA) == []
    assert len(await store.privacy.messages_of(GRACE)) == 1
    await store.privacy.opt_in(ADA)
    await store.privacy.opt_in(ADA)
    assert not await store.privacy.has_opted_out(ADA)
    assert await write(store)


async def test_opting_out_while_writing_leaves_nothing(store: ReviewStore, other: ReviewStore) -> None:
    for attempt in range(10):
        messages = [FIRST + attempt * 10 + step for step in range(6)]
        writing = [write((store, other)[message % 2], message) for message in messages]
        await asyncio.gather(*writing[:3], other.privacy.opt_out(ADA), *writing[3:])
        assert await store.privacy.messages_of(ADA) == []
        await store.privacy.opt_in(ADA)


async def test_deletions_at_once_never_deadlock(store: ReviewStore, other: ReviewStore) -> None:
    for attempt in range(5):
        await watch(store)
        messages = [FIRST + attempt * 100 + step for step in range(20)]
        for message in messages:
            await write(store, message)
            await judge(store, message)
        await asyncio.gather(
            store.messages.delete(reversed(messages)),
            other.privacy.delete_messages_of(ADA),
            other.places.unwatch(CHANNEL),
            store.places.delete_guild(GUILD),
            other.messages.delete(messages),
            write(store, messages[3], "Edited."),
        )
        assert await store.places.get(CHANNEL) is None
        assert await store.privacy.messages_of(ADA) == []


async def test_exemptions_belong_to_a_server(store: ReviewStore) -> None:
    assert await store.privacy.exempt(GUILD, "user", ADA)
    assert not await store.privacy.exempt(GUILD, "user", ADA)
    await store.privacy.exempt(GUILD, "role", 7)
    await store.privacy.exempt(OTHER_GUILD, "role", 8)
    assert await store.privacy.exemptions(GUILD) == [Exemption(GUILD, "role", 7), Exemption(GUILD, "user", ADA)]
    assert await store.privacy.end_exemption(GUILD, "role", 7)
    assert not await store.privacy.end_exemption(GUILD, "role", 7)
    assert not await store.privacy.end_exemption(OTHER_GUILD, "user", ADA)
    assert await store.privacy.exemptions(GUILD) == [Exemption(GUILD, "user", ADA)]


def bytes_on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.glob("reviews.db*")))


async def add_cases(database: Database, messages: list[Message]) -> dict[int, bytes]:
    """Open a case for each message, with a moderator's note, and return each message's note."""
    notes = {message.message_id: f"{message.content_hash[:20]} is known to be ironic" for message in messages}
    cases = [
        ReviewCase(id=number, guild_id=GUILD, number=number, message_id=message.message_id, place_id=CHANNEL,
                   log_channel_id=LOG, urgent=False, flag_below=0.25, positive_probability=0.1, margin=1.5,
                   label_mass=0.75, model=MODEL, state="open", opened_at=NOON, card_message_id=number)
        for number, message in enumerate(messages, 1)
    ]  # fmt: skip
    events = [
        CaseEvent(case_id=case.id, number=1, kind="noted", user_id=MORGAN, at=NOON, note=notes[case.message_id])
        for case in cases
    ]
    async with database.session() as session:
        session.add_all(cases)
        await session.flush()
        session.add_all(events)
    return {message: note.encode() for message, note in notes.items()}


async def fill(
    database: Database, authors: list[int], drawn: random.Random, count: int, *, with_cases: bool = False
) -> dict[int, list[bytes]]:
    """Record messages with random ids and return, for each author, the bytes that they leave on the disk."""
    traces = {author: [author.to_bytes(8, "big")] for author in authors}
    messages = []
    for _ in range(count):
        message, author = drawn.getrandbits(62) | 2**61, drawn.choice(authors)
        content_hash = database.content_hash(str(message))
        traces[author] += [message.to_bytes(8, "big"), content_hash.encode()]
        messages.append(
            Message(message_id=message, place_id=CHANNEL, guild_id=GUILD, author_id=author, posted_at=NOON,
                    content_hash=content_hash, pending=True, channel_id=CHANNEL)
        )  # fmt: skip
    scores = [
        Score(message_id=message.message_id, content_hash=message.content_hash, model=MODEL, positive_probability=0.5,
              margin=1.5, label_mass=0.75, scored_at=NOON)
        for message in messages[::2]
    ]  # fmt: skip
    async with database.session() as session:
        session.add_all([*messages, *scores])
    if with_cases:
        authors_of = {message.message_id: message.author_id for message in messages}
        for number, note in (await add_cases(database, messages[::2])).items():
            traces[authors_of[number]].append(note)
    return traces


def remaining(traces: list[bytes], folder: Path) -> list[bytes]:
    on_disk = bytes_on_disk(folder)
    return [trace for trace in traces if trace in on_disk]


async def delete_one_by_one(store: ReviewStore, messages: list[int]) -> None:
    for message in messages:
        await store.messages.delete([message])


DELETING: dict[str, Callable[[ReviewStore, list[int]], Awaitable[object]]] = {
    "author": lambda store, _: store.privacy.delete_messages_of(ADA),
    "messages": lambda store, messages: store.messages.delete(messages),
    "one by one": delete_one_by_one,
    "opt out": lambda store, _: store.privacy.opt_out(ADA),
    "place": lambda store, _: store.places.unwatch(CHANNEL),
    "guild": lambda store, _: store.places.delete_guild(GUILD),
}


@pytest.mark.parametrize("url", ["SQLite"], indirect=True)
@pytest.mark.parametrize("how", DELETING)
async def test_nothing_that_was_deleted_is_left_on_the_disk(
    store: ReviewStore, database: Database, tmp_path: Path, how: str
) -> None:
    traces = (await fill(database, [ADA, GRACE], random.Random(5), 200, with_cases=True))[ADA]
    assert remaining(traces, tmp_path) == traces
    messages = [row.message_id for row in await store.privacy.messages_of(ADA)]
    await DELETING[how](store, messages)
    # An opt-out is stored, so the author's id stays.
    assert remaining(traces, tmp_path) == (traces[:1] if how == "opt out" else [])
    assert bool(await store.own_messages.due_deletions(1)) == (how != "guild")


@pytest.mark.slow
@pytest.mark.parametrize("url", ["SQLite"], indirect=True)
async def test_nothing_is_left_in_the_unused_space_of_pages(
    store: ReviewStore, database: Database, tmp_path: Path
) -> None:
    """SQLite leaves copies of rows behind when it splits a page, even with secure_delete."""
    drawn = random.Random(7)
    authors = [drawn.getrandbits(62) | 2**61 for _ in range(100)]
    deleted = []
    for _ in range(5):
        traces = await fill(database, authors, drawn, 2000)
        for author in [authors.pop() for _ in range(10)]:
            messages = [row.message_id for row in await store.privacy.messages_of(author)]
            await store.privacy.delete_messages_of(author)
            deleted += [message.to_bytes(8, "big") for message in messages] + traces[author]
    assert remaining(deleted, tmp_path) == []


@pytest.mark.parametrize("url", ["SQLite"], indirect=True)
async def test_data_that_an_open_read_keeps_on_disk_is_erased_later(
    store: ReviewStore, database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    traces = (await fill(database, [ADA, GRACE], random.Random(5), 50))[ADA]
    async with database.session() as session:
        await session.execute(text("PRAGMA busy_timeout=50"))
    with contextlib.closing(sqlite3.connect(tmp_path / "reviews.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM message").fetchall()
        assert await store.privacy.delete_messages_of(ADA) == len(traces) // 2
        assert "could not erase deleted data from the disk, will retry: another program" in caplog.text
    await database.close()
    await database.open()
    assert remaining(traces, tmp_path) == []
