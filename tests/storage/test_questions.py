"""A server's questions have immutable versions, and a place asks up to three of them."""

import asyncio

import pytest

from bot.storage.question_records import Rule
from bot.storage.questions import MOST_QUESTIONS
from bot.storage.store import ReviewStore
from tests.storage.people import (
    CHANNEL,
    DEFINITION,
    FIRST,
    GUILD,
    LOG,
    MAX,
    MORGAN,
    OTHER_CHANNEL,
    OTHER_GUILD,
    OTHER_LOG,
    answer,
    ask,
    flag_for,
    measure,
    watch,
)  # fmt: skip

OTHER_DEFINITION = DEFINITION.replace("spam", "off topic")


async def test_a_question_has_numbered_versions_that_stay(store: ReviewStore) -> None:
    first = await store.questions.define(GUILD, "spam", DEFINITION, MORGAN)
    assert first is not None
    assert (first.name, first.version, first.definition, first.written_by) == ("spam", 1, DEFINITION, MORGAN)
    assert await store.questions.define(GUILD, "spam", OTHER_DEFINITION, MORGAN) is None
    second = await store.questions.change(first.id, OTHER_DEFINITION, MAX)
    assert second is not None
    assert (second.version, second.definition, second.written_by) == (2, OTHER_DEFINITION, MAX)
    assert await store.questions.change(first.id, OTHER_DEFINITION, MORGAN) == second, "nothing changed"
    assert await store.questions.versions(first.id) == [second, first]
    assert await store.questions.get(GUILD, "spam") == second
    assert await store.questions.get(OTHER_GUILD, "spam") is None
    await store.questions.define(GUILD, "helpful", DEFINITION, MORGAN)
    assert [question.name for question in await store.questions.in_guild(GUILD)] == ["helpful", "spam"]
    assert await store.questions.delete(GUILD, "spam")
    assert not await store.questions.delete(GUILD, "spam")
    assert await store.questions.change(first.id, DEFINITION, MORGAN) is None
    again = await store.questions.define(GUILD, "spam", DEFINITION, MORGAN)
    assert again is not None
    assert again.id > first.id, "a deleted question's id is not used again"
    assert again.version_id > second.version_id


async def test_a_server_has_a_limited_number_of_questions(store: ReviewStore) -> None:
    for number in range(MOST_QUESTIONS):
        await store.questions.define(GUILD, f"question-{number}", DEFINITION, MORGAN)
    with pytest.raises(ValueError, match="at most 25"):
        await store.questions.define(GUILD, "one-more", DEFINITION, MORGAN)
    assert await store.questions.define(OTHER_GUILD, "one-more", DEFINITION, MORGAN) is not None


@pytest.mark.usefixtures("watched")
async def test_a_place_asks_up_to_three_questions(store: ReviewStore, other: ReviewStore) -> None:
    spam = await ask(store)
    assert (spam.name, spam.version, spam.definition, spam.live) == ("spam", 1, DEFINITION, False)
    assert (spam.place_id, spam.guild_id, spam.log_channel_id, spam.set_by) == (CHANNEL, GUILD, OTHER_LOG, MORGAN)
    changed = await ask(store, threshold=0.75)
    assert (changed.id, changed.rule) == (spam.id, Rule(spam.rule.version_id, "Yes", 0.75, "above"))
    second = await ask(store, name="helpful")
    results = await asyncio.gather(
        *(ask(each, name=f"new-{number}") for number, each in enumerate((store, other, store, other))),
        return_exceptions=True,
    )
    assert sum(isinstance(result, ValueError) for result in results) == 3, "two programs don't add a fourth"
    questions = await store.place_questions.in_place(CHANNEL)
    assert [question.name for question in questions[:2]] == ["spam", "helpful"]
    assert len(questions) == 3
    assert await store.place_questions.remove(second.id)
    assert await store.place_questions.get(second.id) is None
    assert not await store.place_questions.remove(second.id)
    assert (await ask(store, name="helpful")).id > second.id
    assert await store.place_questions.in_places([CHANNEL, OTHER_CHANNEL]) == {
        CHANNEL: await store.place_questions.in_place(CHANNEL),
        OTHER_CHANNEL: [],
    }


async def test_a_question_needs_a_watched_place(store: ReviewStore) -> None:
    defined = await store.questions.define(GUILD, "spam", DEFINITION, MORGAN)
    assert defined is not None
    rule = Rule(defined.version_id, "Yes", 0.5, "above")
    nowhere = await store.place_questions.set(CHANNEL, defined.id, rule, log_channel_id=LOG, user_id=MORGAN)
    assert nowhere is None


@pytest.mark.usefixtures("watched")
async def test_a_new_version_is_in_force_at_once_without_the_earlier_calibration(store: ReviewStore) -> None:
    question = await ask(store)
    calibrated = Rule(question.rule.version_id, "Yes", 0.5, "below", "batch", "[0.75, 0.25]")
    assert await store.place_questions.set_rule(question.id, calibrated) is not None
    changed = await store.questions.change(question.question_id, OTHER_DEFINITION, MORGAN)
    assert changed is not None
    [now] = await store.place_questions.asking(question.question_id)
    assert (now.version, now.definition) == (2, OTHER_DEFINITION)
    assert now.rule == Rule(changed.version_id, "Yes", 0.5, "below")
    restored = await store.place_questions.set_rule(question.id, calibrated)
    assert restored is not None
    assert (restored.version, restored.rule) == (1, calibrated)


@pytest.mark.usefixtures("watched")
async def test_telling_is_claimed_once(store: ReviewStore, other: ReviewStore) -> None:
    question = await ask(store)
    claims = await asyncio.gather(*(each.place_questions.claim_telling(question.id, "a") for each in (store, other)))
    assert sorted(claims) == [False, True]
    assert await store.place_questions.claim_telling(question.id, "b")
    assert await store.place_questions.claim_telling(question.id, None)
    assert await store.place_questions.claim_telling(question.id, "b")


@pytest.mark.usefixtures("live")
async def test_a_log_channel_that_refuses_holds_back_the_cards_of_its_questions(store: ReviewStore) -> None:
    question = await ask(store)
    case = await flag_for(store, question)
    assert await store.cards.due() == [case]
    [suspended] = await store.place_questions.suspend_log(OTHER_LOG)
    assert (suspended.id, suspended.suspended_at is None) == (question.id, False)
    assert await store.place_questions.suspend_log(OTHER_LOG) == []
    assert await store.cards.due() == []
    await store.place_questions.set_live(question.id, True)
    assert await store.cards.due() == [case]
    await store.place_questions.set_live(question.id, False)
    assert await store.cards.due() == [], "in shadow"


@pytest.mark.usefixtures("live")
async def test_deleting_a_question_deletes_what_belongs_to_it_except_its_cases(store: ReviewStore) -> None:
    question = await ask(store)
    case = await flag_for(store, question)
    await store.cases.decide(case.id, MORGAN, confirmed=True)
    measurement = await measure(store, question, (FIRST,))
    await store.measurements.label(
        question.id, FIRST, await store.messages.content_hash(FIRST) or "", "Yes", user_id=MORGAN
    )
    assert await store.questions.delete(GUILD, "spam")
    assert await store.place_questions.in_place(CHANNEL) == []
    assert await store.measurements.get(measurement.id) is None
    assert await store.measurements.labelled_cases(question.id, ["Yes", "No"]) == []
    assert await store.cases.outcomes(CHANNEL, place_question_id=question.id) == []
    kept = await store.cases.get(case.id)
    assert kept is not None
    assert (kept.question, kept.version, kept.state) == ("spam", 1, "confirmed")


@pytest.mark.usefixtures("live")
async def test_the_questions_of_a_server_go_with_its_data(store: ReviewStore) -> None:
    await watch(store, OTHER_CHANNEL, OTHER_GUILD)
    question, elsewhere = await ask(store), await ask(store, OTHER_CHANNEL)
    await answer(store, question)
    await store.places.unwatch(CHANNEL)
    assert await store.place_questions.get(question.id) is None
    assert await store.questions.get(GUILD, "spam") is not None, "the server still has the question"
    assert GUILD in await store.places.guild_ids()
    await store.places.delete_guild(GUILD)
    assert await store.questions.in_guild(GUILD) == []
    assert await store.places.guild_ids() == {OTHER_GUILD}
    assert await store.place_questions.get(elsewhere.id) is not None
