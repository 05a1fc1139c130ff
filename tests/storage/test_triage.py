"""Moderators claim, release, decide and note. If several act at once, one succeeds."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.storage.database import Database
from bot.storage.records import Case, CaseOutcome
from bot.storage.store import ReviewStore
from tests.storage.people import ADA, CHANNEL, FIRST, MAX, MORGAN, OTHER_CHANNEL, apply_edit, flag

pytestmark = pytest.mark.usefixtures("live")


def state(result: tuple[bool, Case | None]) -> tuple[bool, str, int | None, int | None]:
    done, case = result
    assert case is not None
    return done, case.state, case.claimed_by, case.decided_by


async def kinds(store: ReviewStore, case: Case) -> list[tuple[str, int | None]]:
    history = await store.cases.history(case.id)
    assert [event.number for event in history] == list(range(1, len(history) + 1))
    return [(event.kind, event.user_id) for event in history]


async def test_only_the_moderator_who_claimed_a_case_can_release_it(store: ReviewStore) -> None:
    case = await flag(store)
    assert state(await store.cases.release(case.id, MORGAN)) == (False, "open", None, None)
    assert state(await store.cases.claim(case.id, MORGAN)) == (True, "claimed", MORGAN, None)
    assert state(await store.cases.claim(case.id, MAX)) == (False, "claimed", MORGAN, None)
    assert state(await store.cases.release(case.id, MAX)) == (False, "claimed", MORGAN, None)
    assert state(await store.cases.release(case.id, MORGAN)) == (True, "open", None, None)
    assert state(await store.cases.claim(case.id, MAX)) == (True, "claimed", MAX, None)
    assert await kinds(store, case) == [
        ("opened", None),
        ("claimed", MORGAN),
        ("released", MORGAN),
        ("claimed", MAX),
    ]


async def test_a_case_is_decided_once_and_by_any_moderator(store: ReviewStore) -> None:
    case = await flag(store)
    await store.cases.claim(case.id, MORGAN)
    assert state(await store.cases.decide(case.id, MAX, True)) == (True, "confirmed", MORGAN, MAX)
    assert state(await store.cases.decide(case.id, MORGAN, False)) == (False, "confirmed", MORGAN, MAX)
    assert state(await store.cases.claim(case.id, MORGAN)) == (False, "confirmed", MORGAN, MAX)
    assert state(await store.cases.release(case.id, MORGAN)) == (False, "confirmed", MORGAN, MAX)
    dismissed = await flag(store, FIRST + 1)
    assert state(await store.cases.decide(dismissed.id, MAX, False)) == (True, "dismissed", None, MAX)
    assert await kinds(store, case) == [("opened", None), ("claimed", MORGAN), ("confirmed", MAX)]
    assert await kinds(store, dismissed) == [("opened", None), ("dismissed", MAX)]


async def test_a_withdrawn_case_can_be_decided_but_not_claimed(store: ReviewStore) -> None:
    case = await flag(store)
    await apply_edit(store, probability=0.9, below=False)
    assert state(await store.cases.claim(case.id, MORGAN)) == (False, "withdrawn", None, None)
    assert state(await store.cases.decide(case.id, MORGAN, True)) == (True, "confirmed", None, MORGAN)


async def test_a_deleted_message_s_case_cannot_be_claimed_decided_or_noted(store: ReviewStore) -> None:
    case = await flag(store)
    await store.messages.delete([FIRST])
    assert await store.cases.claim(case.id, MORGAN) == (False, None)
    assert await store.cases.release(case.id, MORGAN) == (False, None)
    assert await store.cases.decide(case.id, MORGAN, True) == (False, None)
    assert await store.cases.add_note(case.id, MORGAN, "Too late.") is None
    assert await store.cases.outcomes(CHANNEL) == []
    assert await store.cases.history(case.id) == []


async def test_notes_are_kept_in_any_state(store: ReviewStore) -> None:
    case = await flag(store)
    assert await store.cases.add_note(case.id, MORGAN, "Known to be ironic.") == case
    await store.cases.decide(case.id, MORGAN, False)
    await store.cases.add_note(case.id, MAX, "é" * 1000)
    await store.cases.add_note(case.id, MAX, "nul\0 and half \ud83d")
    notes = [(event.number, event.user_id, event.note) for event in await store.cases.history(case.id) if event.note]
    assert notes == [(2, MORGAN, "Known to be ironic."), (4, MAX, "é" * 1000), (5, MAX, "nul and half ?")]
    with pytest.raises(ValueError, match="at most 1000"):
        await store.cases.add_note(case.id, MORGAN, "é" * 1001)


async def test_an_outcome_outlives_its_message_without_naming_anyone(store: ReviewStore, database: Database) -> None:
    today = datetime.now(UTC).date()
    for step, (probability, confirmed) in enumerate([(0.123456, True), (0.2, False)]):
        case = await flag(store, FIRST + step, probability)
        await store.cases.decide(case.id, MORGAN, confirmed)
    await store.privacy.delete_messages_of(ADA)
    expected = [CaseOutcome(0.12, True, today), CaseOutcome(0.2, False, today)]
    assert await store.cases.outcomes(CHANNEL) == expected
    assert await store.cases.outcomes(CHANNEL, today) == expected
    assert await store.cases.outcomes(CHANNEL, today + timedelta(days=1)) == []
    assert await store.cases.outcomes(OTHER_CHANNEL) == []
    await store.places.unwatch(CHANNEL)
    assert await store.cases.outcomes(CHANNEL) == []


async def test_a_case_that_many_claim_at_once_has_one_claimant(store: ReviewStore, other: ReviewStore) -> None:
    for message in range(FIRST, FIRST + 10):
        case = await flag(store, message)
        moderators = range(MORGAN, MORGAN + 6)
        results = await asyncio.gather(*((store, other)[user % 2].cases.claim(case.id, user) for user in moderators))
        [winner] = [user for user, (done, _) in zip(moderators, results, strict=True) if done]
        assert {after.claimed_by for _, after in results if after is not None} == {winner}
        assert await kinds(store, case) == [("opened", None), ("claimed", winner)]


async def test_a_case_that_many_decide_at_once_has_one_outcome(store: ReviewStore, other: ReviewStore) -> None:
    for message in range(FIRST, FIRST + 10):
        case = await flag(store, message)
        moderators = range(MORGAN, MORGAN + 6)
        results = await asyncio.gather(
            *((store, other)[user % 2].cases.decide(case.id, user, user % 3 == 0) for user in moderators)
        )
        [winner] = [user for user, (done, _) in zip(moderators, results, strict=True) if done]
        outcome = "confirmed" if winner % 3 == 0 else "dismissed"
        assert {(after.state, after.decided_by) for _, after in results if after is not None} == {(outcome, winner)}
        assert await kinds(store, case) == [("opened", None), (outcome, winner)]
    assert len(await store.cases.outcomes(CHANNEL)) == 10


async def test_claiming_deciding_and_an_edit_at_once_leave_one_decision(store: ReviewStore, other: ReviewStore) -> None:
    for message in range(FIRST, FIRST + 10):
        case = await flag(store, message)
        await asyncio.gather(
            store.cases.claim(case.id, MORGAN),
            other.cases.decide(case.id, MAX, True),
            apply_edit(store, message, 0.9, below=False),
            other.cases.claim(case.id, MAX),
            store.cases.release(case.id, MORGAN),
            other.cases.decide(case.id, MORGAN, False),
        )
        after = await store.cases.get(case.id)
        assert after is not None
        assert after.state in {"confirmed", "dismissed"}
        story = [kind for kind, _ in await kinds(store, case)]
        assert len([kind for kind in story if kind in {"confirmed", "dismissed"}]) == 1
    assert len(await store.cases.outcomes(CHANNEL)) == 10
