"""A flagged message has one case, numbered in its server, which follows its edits."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.storage.records import Case, CaseEvent
from bot.storage.store import ReviewStore
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
    OTHER_CHANNEL,
    OTHER_GUILD,
    apply_edit,
    due,
    flag,
    go_live,
    judge,
    write,
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("live")


async def steps(store: ReviewStore, case: Case) -> list[tuple[str, int | None, float | None]]:
    history = await store.cases.history(case.id)
    assert [event.number for event in history] == list(range(1, len(history) + 1))
    return [(event.kind, event.user_id, event.positive_probability) for event in history]


async def test_an_opened_case_has_the_data_of_its_message(store: ReviewStore) -> None:
    await store.messages.record(FIRST, CHANNEL, GUILD, ADA, NOON, "Bad.", channel_id=77)
    await judge(store, probability=0.125)
    case = await store.cases.open(await due(store), log_channel_id=LOG, urgent=True, flag_below=0.25)
    assert case is not None
    assert case == Case(
        id=case.id,
        guild_id=GUILD,
        number=1,
        message_id=FIRST,
        place_id=CHANNEL,
        channel_id=77,
        author_id=ADA,
        posted_at=NOON,
        log_channel_id=LOG,
        urgent=True,
        flag_below=0.25,
        positive_probability=0.125,
        margin=1.5,
        label_mass=0.75,
        model=MODEL,
        state="open",
        claimed_by=None,
        decided_by=None,
        opened_at=case.opened_at,
        card_message_id=None,
        digest_message_id=None,
    )
    assert abs(datetime.now(UTC) - case.opened_at) < timedelta(minutes=1)
    [event] = await store.cases.history(case.id)
    assert event == CaseEvent(1, "opened", None, event.at, None, 0.125)


async def test_a_case_is_found_by_its_id_its_message_and_its_number(store: ReviewStore) -> None:
    await flag(store)
    case = await flag(store, FIRST + 1)
    assert (
        await store.cases.get(case.id)
        == await store.cases.of_message(FIRST + 1)
        == await store.cases.by_number(GUILD, 2)
        == case
    )
    assert await store.cases.get(case.id + 1) is None
    assert await store.cases.of_message(FIRST + 2) is None
    assert await store.cases.by_number(GUILD, 3) is None
    assert await store.cases.by_number(OTHER_GUILD, 2) is None


async def test_a_message_has_one_case(store: ReviewStore) -> None:
    case = await flag(store)
    again = await store.cases.open(await due(store), log_channel_id=LOG, urgent=True, flag_below=0.5)
    assert again is None
    assert await store.cases.get(case.id) == case
    assert (await flag(store, FIRST + 1)).number == 2, "a case that was not opened takes no number"


async def test_no_case_is_opened_for_a_deleted_message(store: ReviewStore) -> None:
    await write(store)
    await judge(store)
    deleted = await due(store)
    await store.messages.delete([FIRST])
    assert await store.cases.open(deleted, log_channel_id=LOG, urgent=False, flag_below=0.25) is None
    await store.places.unwatch(CHANNEL)
    assert await store.cases.open(deleted, log_channel_id=LOG, urgent=False, flag_below=0.25) is None
    assert await apply_edit(store) is None


async def test_case_numbers_are_per_server_and_never_reused(store: ReviewStore) -> None:
    await go_live(store, OTHER_CHANNEL, OTHER_GUILD)
    first, second = [await flag(store, FIRST + step) for step in range(2)]
    await store.messages.delete([FIRST, FIRST + 1])
    third = await flag(store, FIRST + 2)
    assert (first.number, second.number, third.number) == (1, 2, 3)
    assert third.id > second.id
    await write(store, FIRST + 3, channel=OTHER_CHANNEL)
    await judge(store, FIRST + 3)
    elsewhere = await store.cases.open(await due(store, FIRST + 3), log_channel_id=LOG, urgent=False, flag_below=0.25)
    assert elsewhere is not None
    assert elsewhere.number == 1


async def test_a_case_follows_the_edits_of_its_message(store: ReviewStore) -> None:
    case = await flag(store, probability=0.2)
    after = await apply_edit(store, probability=0.15)
    assert after == replace(case, positive_probability=0.15, margin=2.5, label_mass=0.5, model="new")
    urgent = await apply_edit(store, probability=0.05, urgent=True)
    assert urgent is not None
    assert urgent.urgent
    await apply_edit(store, probability=0.04, urgent=True)
    withdrawn = await apply_edit(store, probability=0.9, below=False)
    assert withdrawn is not None
    assert (withdrawn.state, withdrawn.urgent) == ("withdrawn", False)
    await apply_edit(store, probability=0.8, below=False)
    reopened = await apply_edit(store, probability=0.01, urgent=True)
    assert reopened is not None
    assert (reopened.state, reopened.urgent) == ("open", True)
    assert await steps(store, case) == [
        ("opened", None, 0.2),
        ("edited", None, 0.15),
        ("urgent", None, 0.05),
        ("edited", None, 0.04),
        ("withdrawn", None, 0.9),
        ("edited", None, 0.8),
        ("reopened", None, 0.01),
    ]


async def test_the_same_score_again_adds_no_event(store: ReviewStore) -> None:
    case = await flag(store, probability=0.1)
    assert await apply_edit(store, probability=0.1) == case
    withdrawn = await apply_edit(store, probability=0.9, below=False)
    assert await apply_edit(store, probability=0.9, below=False) == withdrawn
    assert [kind for kind, *_ in await steps(store, case)] == ["opened", "withdrawn"]


async def test_the_same_score_under_another_threshold_adds_an_event(store: ReviewStore) -> None:
    case = await flag(store, probability=0.1)
    after = await apply_edit(store, probability=0.1, below=False)
    assert after is not None
    assert after.state == "withdrawn"
    assert len(await store.cases.history(case.id)) == 2


async def test_withdrawing_a_case_ends_its_claim(store: ReviewStore) -> None:
    case = await flag(store)
    await store.cases.claim(case.id, MORGAN)
    still = await apply_edit(store, probability=0.05)
    assert still is not None
    assert (still.state, still.claimed_by) == ("claimed", MORGAN)
    await apply_edit(store, probability=0.9, below=False)
    reopened = await apply_edit(store, probability=0.05)
    assert reopened is not None
    assert (reopened.state, reopened.claimed_by) == ("open", None)


@pytest.mark.parametrize("confirmed", [True, False])
async def test_a_decided_case_stays_decided_after_edits(store: ReviewStore, confirmed: bool) -> None:
    case = await flag(store)
    await store.cases.claim(case.id, MORGAN)
    _, decided = await store.cases.decide(case.id, MORGAN, confirmed)
    assert decided is not None
    for probability, below, urgent in ((0.9, False, False), (0.01, True, True)):
        after = await apply_edit(store, probability=probability, below=below, urgent=urgent)
        assert after is not None
        assert (after.state, after.claimed_by, after.decided_by) == (decided.state, MORGAN, MORGAN)
        assert after.positive_probability == probability
    assert [kind for kind, *_ in await steps(store, case)][-2:] == ["edited", "edited"]


async def test_open_and_claimed_cases_are_counted(store: ReviewStore) -> None:
    await go_live(store, OTHER_CHANNEL, OTHER_GUILD)
    _, claimed, confirmed, dismissed, withdrawn = [await flag(store, FIRST + step) for step in range(5)]
    await store.cases.claim(claimed.id, MORGAN)
    await store.cases.decide(confirmed.id, MORGAN, True)
    await store.cases.decide(dismissed.id, MORGAN, False)
    await apply_edit(store, withdrawn.message_id, 0.9, below=False)
    assert await store.cases.open_count(CHANNEL) == 2
    assert await store.cases.open_count(OTHER_CHANNEL) == 0


async def test_members_get_the_cases_of_their_own_messages(store: ReviewStore) -> None:
    first, _, third = [await flag(store, FIRST + step, author=(ADA, GRACE)[step % 2]) for step in range(3)]
    assert await store.privacy.cases_of(ADA) == [first, third]
    await store.privacy.delete_messages_of(ADA)
    assert await store.privacy.cases_of(ADA) == []
    assert len(await store.privacy.cases_of(GRACE)) == 1


async def test_a_message_flagged_several_times_at_once_has_one_case(store: ReviewStore, other: ReviewStore) -> None:
    for message in range(FIRST, FIRST + 10):
        await write(store, message)
        await judge(store, message)
        score = await due(store, message)
        opened = await asyncio.gather(
            *(each.cases.open(score, log_channel_id=LOG, urgent=False, flag_below=0.25) for each in (store, other) * 3)
        )
        [case] = [case for case in opened if case is not None]
        assert (case.number, len(await store.cases.history(case.id))) == (message - FIRST + 1, 1)


async def test_messages_flagged_at_once_have_numbers_without_gaps(store: ReviewStore, other: ReviewStore) -> None:
    messages = range(FIRST, FIRST + 12)
    for message in messages:
        await write(store, message)
        await judge(store, message)
    scores = await store.showing.due(20)
    opened = await asyncio.gather(
        *(
            (store, other)[score.message_id % 2].cases.open(score, log_channel_id=LOG, urgent=False, flag_below=0.25)
            for score in scores
        )
    )
    assert sorted(case.number for case in opened if case is not None) == list(range(1, 13))


async def test_edits_at_once_leave_a_history_without_gaps(store: ReviewStore, other: ReviewStore) -> None:
    case = await flag(store, probability=0.2)
    edits = [apply_edit((store, other)[step % 2], probability=step / 100) for step in range(1, 9)]
    notes = [(store, other)[step % 2].cases.add_note(case.id, MORGAN, "Seen.") for step in range(8)]
    await asyncio.gather(*(action for both in zip(edits, notes, strict=True) for action in both))
    assert len(await steps(store, case)) == 17
