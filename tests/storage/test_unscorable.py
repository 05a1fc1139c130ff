"""Messages that lost their text are deleted, or kept without scores if they have a case."""

import pytest

from bot.storage.records import OwnMessage, UntrackedMessage
from bot.storage.store import ReviewStore
from tests.storage.people import ADA, CHANNEL, FIRST, GUILD, MORGAN, due, flag, judge, write

pytestmark = pytest.mark.usefixtures("live")


async def test_a_message_without_a_case_is_deleted_with_its_label(store: ReviewStore) -> None:
    await write(store)
    await judge(store)
    content_hash = (await due(store)).content_hash
    await store.showing.mark_shown(FIRST, content_hash, label="positive", label_message_id=99)
    assert await store.messages.stop_tracking(FIRST, "") == UntrackedMessage(FIRST, GUILD, CHANNEL, "positive", 99)
    assert await store.privacy.messages_of(ADA) == []
    assert await store.own_messages.due_deletions(10) == [OwnMessage(CHANNEL, 99)]
    assert await store.messages.stop_tracking(FIRST, "") is None


async def test_an_undecided_case_is_withdrawn_without_scores(store: ReviewStore) -> None:
    case = await flag(store)
    await store.showing.mark_shown(FIRST, (await due(store)).content_hash, label="negative", label_message_id=99)
    await store.cases.claim(case.id, MORGAN)
    assert await store.messages.stop_tracking(FIRST, "") is not None
    assert await store.messages.stop_tracking(FIRST, "") is None, "it is reported once"
    after = await store.cases.get(case.id)
    assert after is not None
    assert (after.state, after.claimed_by) == ("withdrawn", None)
    assert [event.kind for event in await store.cases.history(case.id)] == ["opened", "claimed", "unscored"]
    assert await store.scores.latest(CHANNEL) == []
    assert await store.messages.pending(10) == []
    assert await store.showing.due(10) == []
    assert await store.own_messages.due_deletions(10) == [OwnMessage(CHANNEL, 99)]


async def test_a_decided_case_stays_decided(store: ReviewStore) -> None:
    case = await flag(store)
    await store.cases.decide(case.id, MORGAN, confirmed=True)
    await store.messages.stop_tracking(FIRST, "")
    after = await store.cases.get(case.id)
    assert after is not None
    assert after.state == "confirmed"
    assert [event.kind for event in await store.cases.history(case.id)] == ["opened", "confirmed", "unscored"]


async def test_a_pending_message_that_cannot_be_scored_is_no_longer_tracked(store: ReviewStore) -> None:
    await write(store, text="too long")
    assert await store.messages.stop_tracking(FIRST, "too long") == UntrackedMessage(FIRST, GUILD, CHANNEL, None, None)
    assert await store.privacy.messages_of(ADA) == []
    case = await flag(store)
    await write(store, text="too long")
    assert await store.messages.stop_tracking(FIRST, "too long") is not None
    after = await store.cases.get(case.id)
    assert after is not None
    assert after.state == "withdrawn"
    assert await write(store, text="Bad again."), "it can be scored again"


async def test_a_message_edited_meanwhile_is_still_tracked(store: ReviewStore) -> None:
    await write(store, text="too long")
    (waiting,) = await store.messages.pending(10)
    await write(store, text="Shorter.")
    assert await store.messages.stop_tracking(FIRST, "too long", waited_as=waiting.content_hash) is None
    (waiting,) = await store.messages.pending(10)
    assert await store.messages.stop_tracking(FIRST, "Shorter.", waited_as=waiting.content_hash) is not None
    assert await store.messages.pending(10) == []
