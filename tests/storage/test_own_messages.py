"""When a message's data is deleted, what the bot posted about it is deleted from Discord."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bot.storage.records import OwnMessage, StaleDigest
from bot.storage.store import ReviewStore
from tests.storage.people import ADA, CHANNEL, FIRST, GRACE, GUILD, LOG, NOON, due, flag, judge

pytestmark = pytest.mark.usefixtures("live")
THREAD, CARD, LABEL, DIGEST = 77, 2**62 + 2000, 2**62 + 3000, 2**62 + 4000


async def post_labelled(store: ReviewStore, message: int, author: int = ADA) -> OwnMessage:
    """Record a message in a thread and its label, and return the label's message."""
    await store.messages.record(message, CHANNEL, GUILD, author, NOON, "Good.", channel_id=THREAD)
    await judge(store, message)
    score = await due(store, message)
    reply = OwnMessage(THREAD, LABEL + message - FIRST)
    assert await store.showing.mark_shown(
        message, score.content_hash, label="positive", label_message_id=reply.message_id
    )
    return reply


async def post_card(store: ReviewStore, message: int, author: int = ADA) -> OwnMessage:
    case = await flag(store, message, author=author)
    card = OwnMessage(LOG, CARD + message - FIRST)
    assert await store.cards.record(case.id, card.message_id)
    return card


DELETING: dict[str, Callable[[ReviewStore], Awaitable[object]]] = {
    "delete_messages": lambda store: store.messages.delete(range(FIRST, FIRST + 2)),
    "delete_each": lambda store: asyncio.gather(*(store.messages.delete([FIRST + step]) for step in range(2))),
    "delete_author": lambda store: store.privacy.delete_messages_of(ADA),
    "opt_out": lambda store: store.privacy.opt_out(ADA),
    "unwatch": lambda store: store.places.unwatch(CHANNEL),
}


@pytest.mark.parametrize("how", DELETING)
async def test_cards_and_label_replies_are_due_for_deletion(store: ReviewStore, how: str) -> None:
    expected = [await post_card(store, FIRST), await post_labelled(store, FIRST + 1)]
    others = [await post_card(store, FIRST + 2, GRACE), await post_labelled(store, FIRST + 3, GRACE)]
    await flag(store, FIRST + 4)
    assert await store.own_messages.due_deletions(10) == []
    await DELETING[how](store)
    if how == "unwatch":
        expected = sorted(expected + others, key=lambda own: own.message_id)
    assert await store.own_messages.due_deletions(10) == expected
    assert await store.own_messages.due_deletions(1) == expected[:1]
    await store.own_messages.mark_deleted(expected[0])
    await store.own_messages.mark_deleted(expected[0])
    assert await store.own_messages.due_deletions(10) == expected[1:]


async def test_a_digest_is_stale_when_one_of_its_cases_is_deleted(store: ReviewStore) -> None:
    cases = [await flag(store, FIRST + step, author=(ADA, GRACE)[step % 2]) for step in range(4)]
    await store.cards.record_digest([case.id for case in cases], DIGEST)
    assert await store.own_messages.stale_digests(10) == []
    await store.privacy.delete_messages_of(ADA)
    [stale] = await store.own_messages.stale_digests(10)
    assert stale == StaleDigest(LOG, DIGEST, 1)
    assert [case.id for case in await store.cards.in_digest(DIGEST)] == [cases[1].id, cases[3].id]
    await store.messages.delete([FIRST + 1])
    await store.own_messages.mark_rewritten(stale)
    [again] = await store.own_messages.stale_digests(10)
    assert again == StaleDigest(LOG, DIGEST, 2), "another case was deleted while it was rewritten"
    await store.own_messages.mark_rewritten(again)
    assert await store.own_messages.stale_digests(10) == []
    assert await store.own_messages.due_deletions(10) == []


async def test_a_card_posted_while_its_message_is_deleted_is_due_for_deletion(
    store: ReviewStore, other: ReviewStore
) -> None:
    for message in range(FIRST, FIRST + 10):
        case = await flag(store, message)
        counts, _ = await asyncio.gather(store.cards.record(case.id, CARD), other.messages.delete([message]))
        due_now = await store.own_messages.due_deletions(10)
        assert due_now == ([OwnMessage(LOG, CARD)] if counts else [])
        for own in due_now:
            await store.own_messages.mark_deleted(own)


async def test_a_label_posted_while_its_message_is_deleted_is_due_for_deletion(
    store: ReviewStore, other: ReviewStore
) -> None:
    for message in range(FIRST, FIRST + 10):
        await store.messages.record(message, CHANNEL, GUILD, ADA, NOON, "Good.", channel_id=THREAD)
        await judge(store, message)
        score = await due(store, message)
        showing = store.showing.mark_shown(message, score.content_hash, label="positive", label_message_id=LABEL)
        counts, _ = await asyncio.gather(showing, other.privacy.delete_messages_of(ADA))
        assert await store.own_messages.due_deletions(10) == ([OwnMessage(THREAD, LABEL)] if counts else [])
        await store.own_messages.mark_deleted(OwnMessage(THREAD, LABEL))


async def test_a_digest_posted_while_its_cases_are_deleted_is_stale(store: ReviewStore, other: ReviewStore) -> None:
    for attempt in range(5):
        messages = [FIRST + attempt * 10 + step for step in range(6)]
        cases = [await flag(store, message) for message in messages]
        listed, *_ = await asyncio.gather(
            store.cards.record_digest([case.id for case in reversed(cases)], DIGEST + attempt),
            other.messages.delete(messages[:2]),
            store.messages.delete(reversed(messages[2:4])),
        )
        stale = await store.own_messages.stale_digests(10)
        assert listed == 6 - 2 * (2 - sum(digest.times for digest in stale))
        for digest in stale:
            await store.own_messages.mark_rewritten(digest)
