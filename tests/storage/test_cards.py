"""Each case is shown once to moderators, on a card or in a digest."""

import asyncio
from datetime import timedelta

import pytest

from bot.storage.store import ReviewStore
from tests.storage.people import CHANNEL, FIRST, LOG, MORGAN, NOON, OTHER_LOG, apply_edit, flag

pytestmark = pytest.mark.usefixtures("live")


async def due_ids(store: ReviewStore) -> list[int]:
    return [case.id for case in await store.cards.due()]


async def test_undecided_cases_are_due_until_they_have_a_card(store: ReviewStore) -> None:
    open_case, claimed, decided, withdrawn = [await flag(store, FIRST + step) for step in range(4)]
    await store.cases.claim(claimed.id, MORGAN)
    await store.cases.decide(decided.id, MORGAN, True)
    await apply_edit(store, withdrawn.message_id, 0.9, below=False)
    assert await due_ids(store) == [open_case.id, claimed.id]
    assert await store.cards.record(open_case.id, 70)
    assert not await store.cards.record(open_case.id, 71)
    assert await due_ids(store) == [claimed.id]
    await apply_edit(store, withdrawn.message_id, 0.1)
    assert await due_ids(store) == [claimed.id, withdrawn.id]
    shown = await store.cases.get(open_case.id)
    assert shown is not None
    assert (shown.card_message_id, shown.log_channel_id) == (70, LOG)


async def test_no_card_goes_to_a_suspended_log_channel_or_from_a_place_in_shadow(store: ReviewStore) -> None:
    case = await flag(store)
    await store.places.suspend_log(LOG)
    assert await due_ids(store) == []
    await store.places.set_live(CHANNEL, True)
    assert await due_ids(store) == [case.id]
    await store.places.set_live(CHANNEL, False)
    assert await due_ids(store) == []


async def test_a_digest_shows_several_cases(store: ReviewStore) -> None:
    first, second, third = [await flag(store, FIRST + step) for step in range(3)]
    assert await store.cards.record_digest([third.id, first.id, 10_000], 80) == 2
    assert [case.id for case in await store.cards.in_digest(80)] == [first.id, third.id]
    assert await store.cards.in_digest(81) == []
    assert await due_ids(store) == [second.id]
    assert await store.cards.record_digest([], 82) == 0


async def test_a_card_keeps_the_log_channel_it_was_posted_in(store: ReviewStore) -> None:
    first, second = [await flag(store, FIRST + step) for step in range(2)]
    await store.cards.record(first.id, 70, log_channel_id=OTHER_LOG)
    await store.cards.record_digest([second.id], 71, log_channel_id=OTHER_LOG)
    assert {case.log_channel_id for case in await store.privacy.cases_of(first.author_id)} == {OTHER_LOG}


async def test_expired_excerpts_are_listed_until_they_are_erased(store: ReviewStore) -> None:
    first, second, plain = [await flag(store, FIRST + step) for step in range(3)]
    await store.cards.record(first.id, 70, NOON)
    await store.cards.record(second.id, 71, NOON + timedelta(days=1))
    await store.cards.record(plain.id, 72)
    assert await store.cards.expired_excerpts(NOON - timedelta(seconds=1)) == []
    assert [case.id for case in await store.cards.expired_excerpts(NOON)] == [first.id]
    await store.cards.mark_excerpt_erased(first.id)
    assert [case.id for case in await store.cards.expired_excerpts(NOON + timedelta(days=30))] == [second.id]


async def test_of_several_cards_recorded_at_once_one_counts(store: ReviewStore, other: ReviewStore) -> None:
    for message in range(FIRST, FIRST + 10):
        case = await flag(store, message)
        kept = await asyncio.gather(*((store, other)[card % 2].cards.record(case.id, card) for card in range(6)))
        after = await store.cases.get(case.id)
        assert after is not None
        assert [card for card, counts in enumerate(kept) if counts] == [after.card_message_id]


async def test_a_card_is_outdated_until_it_shows_the_latest_event(store: ReviewStore) -> None:
    case = await flag(store)
    assert await store.cards.outdated(10) == [], "it has no card"
    await store.cards.record(case.id, 7)
    assert await store.cards.outdated(10) == [case.id]
    await store.cards.mark_current(case.id, 1)
    assert await store.cards.outdated(10) == []
    await store.cases.claim(case.id, MORGAN)
    await store.cases.add_note(case.id, MORGAN, "Looks bad.")
    await store.cards.mark_current(case.id, 2)
    assert await store.cards.outdated(10) == [case.id], "more happened since"
    await store.cards.mark_current(case.id, 3)
    assert await store.cards.outdated(10) == []
    await apply_edit(store, probability=0.2)
    assert await store.cards.outdated(10) == [case.id]
