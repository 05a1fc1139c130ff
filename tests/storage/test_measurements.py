"""Labels and measurements of a place's question, its answers and its cases."""

import asyncio
from dataclasses import replace

import pytest

from bot.storage.question_records import NewMeasurement, NewQuestionScore
from bot.storage.store import ReviewStore
from tests.storage.people import (
    ADA,
    CHANNEL,
    FINGERPRINT,
    FIRST,
    GRACE,
    GUILD,
    LOG,
    MODEL,
    MODEL_KEY,
    MORGAN,
    OTHER_LOG,
    answer,
    apply_edit,
    ask,
    due,
    flag_for,
    judge,
    measure,
    write,
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("live")


async def hash_of(store: ReviewStore, message: int = FIRST) -> str:
    content_hash = await store.messages.content_hash(message)
    assert content_hash is not None
    return content_hash


async def test_an_answer_is_recorded_with_the_score_and_is_due_once(store: ReviewStore) -> None:
    question = await ask(store)
    found = await answer(store, question, probability=0.75)
    assert (found.probabilities, found.label_mass, found.margin, found.verdict) == ((0.75, 0.25), 0.5, 1.5, "Yes")
    assert (found.author_id, found.place_question_id, found.version_id) == (ADA, question.id, question.rule.version_id)
    assert [pending.message_id for pending in await store.messages.pending(10)] == [FIRST], "only the score settles it"
    await store.showing.mark_looked_at(found.id)
    assert await store.showing.due_answers(10) == []
    assert (await store.place_questions.counts(question.id)).scored == 1


async def test_only_the_current_content_and_version_is_due(store: ReviewStore) -> None:
    question = await ask(store)
    await answer(store, question)
    await write(store, FIRST, "Edited.")
    assert await store.showing.due_answers(10) == []
    again = await answer(store, question, text="Edited.")
    assert await store.showing.due_answers(10) == [again]
    await store.showing.mark_looked_at(again.id)
    await write(store, FIRST, "Edited once more.")
    await write(store, FIRST, "Edited.")
    assert await store.showing.due_answers(10) == [again], "this content was answered before"
    key = (FIRST, await hash_of(store), question.id, question.rule.version_id)
    assert key in await store.scores.answered([FIRST], MODEL_KEY)
    assert await store.scores.answered([FIRST], "another model") == set()
    await store.questions.change(question.question_id, "{}", MORGAN)
    assert await store.showing.due_answers(10) == []


async def test_a_failed_question_is_counted_and_due_to_nobody(store: ReviewStore) -> None:
    question = await ask(store)
    await write(store)
    failed = NewQuestionScore(
        FIRST, await hash_of(store), question.id, question.rule.version_id, MODEL, MODEL_KEY, fault="unsupported"
    )
    await store.scores.record([], [failed])
    counts = await store.place_questions.counts(question.id)
    assert (counts.scored, counts.failed) == (0, 1)
    assert await store.showing.due_answers(10) == []
    with pytest.raises(ValueError, match="either"):
        NewQuestionScore(FIRST, "hash", question.id, 1, MODEL, MODEL_KEY)
    with pytest.raises(ValueError, match="finite"):
        NewQuestionScore(FIRST, "hash", question.id, 1, MODEL, MODEL_KEY, (float("nan"), 0.5))


async def test_messages_of_a_backfill_are_answered_and_not_due(store: ReviewStore) -> None:
    question = await ask(store)
    await store.messages.record(
        FIRST, CHANNEL, GUILD, ADA, (await ask(store)).set_at, "Old.", channel_id=CHANNEL, backfilled=True
    )
    new = NewQuestionScore(
        FIRST, await hash_of(store), question.id, question.rule.version_id, MODEL, MODEL_KEY, (0.75, 0.25), 0.5, 1.5
    )
    await store.scores.record([], [new])
    assert await store.showing.due_answers(10) == []
    assert (await store.place_questions.counts(question.id)).scored == 1


async def test_a_message_has_a_case_for_each_question(store: ReviewStore) -> None:
    question, second = await ask(store), await ask(store, name="helpful")
    case = await flag_for(store, question)
    assert (case.place_question_id, case.question, case.version) == (question.id, "spam", 1)
    assert (case.flag_label, case.direction, case.flag_below, case.log_channel_id) == ("Yes", "above", 0.5, OTHER_LOG)
    await store.place_questions.set_live(second.id, True)
    other = await store.place_questions.get(second.id)
    assert other is not None
    new = NewQuestionScore(
        FIRST, await hash_of(store), other.id, other.rule.version_id, MODEL, MODEL_KEY, (0.75, 0.25), 0.5, 1.5, "Yes"
    )
    await store.scores.record([], [new])
    found = next(each for each in await store.showing.due_answers(10) if each.place_question_id == other.id)
    measured = await measure(store, other)
    opened = await store.cases.open_for_question(found, other, measured, 0.75)
    assert opened is not None
    assert await store.cases.open_for_question(found, other, measured, 0.75) is None
    await judge(store)
    notebook = await store.cases.open(await due(store), log_channel_id=LOG, urgent=False, flag_below=0.25)
    assert notebook is not None
    assert (case.number, opened.number, notebook.number) == (1, 2, 3)
    assert await store.cases.of_message(FIRST) == notebook
    assert await store.cases.of_message(FIRST, question.id) == case
    await store.cases.decide(opened.id, MORGAN, confirmed=True)
    assert await store.cases.outcomes(CHANNEL) == []
    [outcome] = await store.cases.outcomes(CHANNEL, place_question_id=other.id)
    assert (outcome.positive_probability, outcome.confirmed) == (0.75, True)
    assert await store.cases.open_count(CHANNEL) == 1, "that of the notebook's question"
    assert await store.place_questions.case_counts(other.id) == (1, 0)


async def test_no_case_is_opened_without_a_confirmed_measurement_of_the_question_as_it_is(store: ReviewStore) -> None:
    question, second = await ask(store), await ask(store, name="helpful")
    await store.place_questions.set_live(question.id, True)
    live = await store.place_questions.get(question.id)
    assert live is not None
    found = await answer(store, live)
    unconfirmed, elsewhere = await measure(store, live, confirmed=False), await measure(store, second)
    assert await store.cases.open_for_question(found, live, unconfirmed, 0.75) is None
    assert await store.cases.open_for_question(found, live, elsewhere, 0.75) is None
    measured = await measure(store, live)
    await ask(store, threshold=0.25)
    assert await store.cases.open_for_question(found, live, measured, 0.75) is None, "its threshold was changed"
    await ask(store)
    await store.place_questions.set_live(question.id, False)
    assert await store.cases.open_for_question(found, live, measured, 0.75) is None, "it is in shadow"
    await store.place_questions.set_live(question.id, True)
    assert await store.cases.open_for_question(found, live, measured, 0.75) is not None


async def test_a_new_answer_withdraws_and_reopens_a_case_and_decisions_stay(store: ReviewStore) -> None:
    question = await ask(store)
    case = await flag_for(store, question)
    below = await answer(store, question, probability=0.25, text="Edited.")
    withdrawn = await store.cases.apply_new_answer(below, 0.25, flagged=False)
    assert withdrawn is not None
    assert withdrawn.state == "withdrawn"
    assert await apply_edit(store) is None, "the notebook's question has no case"
    above = await answer(store, question, text="Again.")
    reopened = await store.cases.apply_new_answer(above, 0.75, flagged=True)
    assert reopened is not None
    assert reopened.state == "open"
    assert await store.cases.apply_new_answer(below, 0.25, flagged=False) is None, "of other content"
    await store.cases.decide(case.id, MORGAN, confirmed=False)
    [labelled] = await store.measurements.labelled_cases(question.id, ["Yes", "No"])
    assert (labelled.message_id, labelled.label, labelled.is_flagging) == (FIRST, "No", False)
    assert (labelled.source, labelled.weight, labelled.content_hash) == ("decided", 1.0, await hash_of(store))
    later = await answer(store, question, probability=0.8, text="Later.")
    await store.cases.apply_new_answer(later, 0.8, flagged=True)
    assert await store.measurements.labelled_cases(question.id, ["Yes", "No"]) == [], "that content is gone"


async def test_a_message_without_text_withdraws_all_its_cases(store: ReviewStore) -> None:
    question = await ask(store)
    case = await flag_for(store, question)
    await store.messages.stop_tracking(FIRST, "")
    withdrawn = await store.cases.get(case.id)
    assert withdrawn is not None
    assert withdrawn.state == "withdrawn"
    assert (await store.place_questions.counts(question.id)).scored == 0


async def test_an_audit_s_label_counts_with_its_weight(store: ReviewStore) -> None:
    question = await ask(store)
    first, second = await answer(store, question), await answer(store, question, FIRST + 1, 0.25)
    assert await store.measurements.unflagged(question.id) == [first, second]
    content_hash = second.content_hash
    assert await store.measurements.label(question.id, FIRST + 1, content_hash, "No", user_id=MORGAN, weight=2.5)
    assert await store.measurements.label(question.id, FIRST + 1, content_hash, "Yes", user_id=MORGAN, weight=2.5)
    assert await store.measurements.unflagged(question.id) == [first]
    [case] = await store.measurements.labelled_cases(question.id, ["Yes", "No"])
    assert (case.label, case.is_flagging, case.weight, case.source) == ("Yes", True, 2.5, "audited")
    assert await store.measurements.labelled_cases(question.id, ["Other"]) == []
    assert not await store.measurements.label(question.id, FIRST, "other content", "Yes", user_id=MORGAN)
    assert not await store.measurements.label(question.id + 1, FIRST, first.content_hash, "Yes", user_id=MORGAN)


async def test_for_a_question_that_flags_downwards_another_label_is_to_be_flagged(store: ReviewStore) -> None:
    asked = await ask(store)
    rule = replace(asked.rule, direction="below")
    question = await store.place_questions.set(
        CHANNEL, asked.question_id, rule, log_channel_id=OTHER_LOG, user_id=MORGAN
    )
    assert question is not None
    case = await flag_for(store, question)
    await store.cases.decide(case.id, MORGAN, confirmed=True)
    for number, label in ((1, "Yes"), (2, "No")):
        score = await answer(store, question, FIRST + number)
        await store.measurements.label(question.id, FIRST + number, score.content_hash, label, user_id=MORGAN)
    cases = await store.measurements.labelled_cases(question.id, ["Yes", "No"])
    labelled = {case.message_id - FIRST: (case.label, case.is_flagging) for case in cases}
    assert labelled == {0: ("No", True), 1: ("Yes", False), 2: ("No", True)}
    assert [case.drawn for case in cases] == sorted((case.drawn for case in cases), reverse=True)
    await ask(store)
    assert {case.source for case in await store.measurements.labelled_cases(question.id, ["Yes", "No"])} == {"audited"}


async def test_a_measurement_is_confirmed_after_its_report(store: ReviewStore, other: ReviewStore) -> None:
    question = await ask(store)
    new = NewMeasurement(question.id, question.rule, FINGERPRINT, MODEL, '{"a": 1}', 40, 9, ())
    measurement = await store.measurements.record(new, MORGAN)
    assert measurement is not None
    assert (measurement.rule, measurement.version, measurement.summary) == (question.rule, 1, '{"a": 1}')
    assert await store.measurements.confirm(measurement.id, MORGAN) is None, "the report was not shown"
    assert await store.measurements.mark_reported(measurement.id)
    confirmed = await asyncio.gather(
        *(each.measurements.confirm(measurement.id, user) for each, user in ((store, ADA), (other, GRACE)))
    )
    assert confirmed[0] == confirmed[1], "the first confirmation counts"
    assert await store.measurements.of_question(question.id) == [confirmed[0]]
    assert await store.place_questions.remove(question.id)
    assert await store.measurements.record(new, MORGAN) is None
    assert not await store.measurements.mark_reported(measurement.id)


async def test_deleting_a_member_s_data_deletes_labels_and_marks_reports(store: ReviewStore) -> None:
    question = await ask(store)
    mine = await answer(store, question)
    await write(store, FIRST + 1, author=GRACE)
    await store.measurements.label(question.id, FIRST, mine.content_hash, "Yes", user_id=MORGAN)
    both = await measure(store, question, (FIRST, FIRST + 1))
    hers = await measure(store, question, (FIRST + 1,))
    assert not both.partly_deleted
    await store.privacy.delete_messages_of(ADA)
    marked, unmarked = [await store.measurements.get(each.id) for each in (both, hers)]
    assert marked is not None
    assert unmarked is not None
    assert (marked.partly_deleted, unmarked.partly_deleted) == (True, False)
    assert await store.measurements.labelled_cases(question.id, ["Yes", "No"]) == []
    assert (await store.place_questions.counts(question.id)).scored == 0
    late = await measure(store, question, (FIRST, FIRST + 1))
    assert late.partly_deleted, "a message was deleted while it was measured"
