"""Servers, channels and people of the storage tests, and the steps that they take."""

from datetime import UTC, datetime, timedelta

from bot.storage.question_records import (
    Measurement,
    NewMeasurement,
    NewQuestionScore,
    PlaceQuestion,
    QuestionScore,
    Rule,
)
from bot.storage.records import Case, Due, NewScore
from bot.storage.store import ReviewStore

GUILD, CHANNEL, OTHER_CHANNEL, OTHER_GUILD = 2**62 + 1, 2**62 + 2, 2**62 + 3, 2**62 + 4
LOG, OTHER_LOG = 2**62 + 5, 2**62 + 6
ADA, GRACE, MORGAN, MAX = 2**62 + 10, 2**62 + 11, 2**62 + 12, 2**62 + 13
NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
FIRST = 2**62 + 1000
MODEL = "demo"


async def watch(store: ReviewStore, channel: int = CHANNEL, guild: int = GUILD, log_channel: int | None = None) -> None:
    await store.places.watch(
        channel, guild, flag_below=0.25, log_channel_id=log_channel, watched_by=MORGAN, last_message_id=FIRST - 1
    )


async def go_live(store: ReviewStore, channel: int = CHANNEL, guild: int = GUILD) -> None:
    """Watch a place and set it live."""
    await watch(store, channel, guild, LOG)
    await store.places.set_live(channel, True)


async def write(
    store: ReviewStore, message: int = FIRST, text: str = "Good.", author: int = ADA, channel: int = CHANNEL
) -> bool:
    """Post a message, or edit it. Each message is posted a minute after the one before."""
    guild = OTHER_GUILD if channel == OTHER_CHANNEL else GUILD
    posted_at = NOON + timedelta(minutes=message - FIRST)
    return await store.messages.record(message, channel, guild, author, posted_at, text, channel_id=channel)


async def judge(store: ReviewStore, message: int = FIRST, probability: float = 0.5, model: str = MODEL) -> bool:
    """Score a pending message."""
    [waiting] = [pending for pending in await store.messages.pending(1000) if pending.message_id == message]
    return await record_score(store, message, waiting.content_hash, probability, model)


async def record_score(
    store: ReviewStore, message: int, content_hash: str, probability: float = 0.5, model: str = MODEL
) -> bool:
    score = NewScore(message, content_hash, model, probability, margin=1.5, label_mass=0.75)
    return await store.scores.record([score]) == 1


async def due(store: ReviewStore, message: int = FIRST) -> Due:
    [score] = [score for score in await store.showing.due(1000) if score.message_id == message]
    return score


async def flag(store: ReviewStore, message: int = FIRST, probability: float = 0.1, author: int = ADA) -> Case:
    """Post a message of a live place, score it, and open its case."""
    await write(store, message, author=author)
    await judge(store, message, probability)
    case = await store.cases.open(await due(store, message), log_channel_id=LOG, urgent=False, flag_below=0.25)
    assert case is not None
    return case


async def apply_edit(
    store: ReviewStore, message: int = FIRST, probability: float = 0.1, *, below: bool = True, urgent: bool = False
) -> Case | None:
    """Bring a message's case up to date after an edit."""
    return await store.cases.apply_new_score(
        message, urgent=urgent, below=below, positive_probability=probability, margin=2.5, label_mass=0.5, model="new"
    )


DEFINITION = '{"type": "noul", "question": "Is it spam?", "labels": ["Yes", "No"], "examples": []}'
FINGERPRINT, MODEL_KEY = "f" * 64, "k" * 64


async def ask(store: ReviewStore, channel: int = CHANNEL, name: str = "spam", threshold: float = 0.5) -> PlaceQuestion:
    """Define a question, if it is new, and ask it in a place, with cards in the other log channel."""
    guild = OTHER_GUILD if channel == OTHER_CHANNEL else GUILD
    defined = await store.questions.get(guild, name) or await store.questions.define(guild, name, DEFINITION, MORGAN)
    assert defined is not None
    rule = Rule(defined.version_id, "Yes", threshold, "above")
    question = await store.place_questions.set(channel, defined.id, rule, log_channel_id=OTHER_LOG, user_id=MORGAN)
    assert question is not None
    return question


async def answer(
    store: ReviewStore, question: PlaceQuestion, message: int = FIRST, probability: float = 0.75, text: str = "Good."
) -> QuestionScore:
    """Post a message, or edit it, and answer a question about it; return the answer, which is due."""
    await write(store, message, text)
    [hash_] = [pending.content_hash for pending in await store.messages.pending(1000) if pending.message_id == message]
    new = NewQuestionScore(
        message, hash_, question.id, question.rule.version_id, MODEL, MODEL_KEY, (probability, 1 - probability),
        label_mass=0.5, margin=1.5, verdict="Yes" if probability > 0.5 else "No",
    )  # fmt: skip
    await store.scores.record([], [new])
    [due] = [each for each in await store.showing.due_answers(1000) if each.message_id == message]
    return due


async def measure(
    store: ReviewStore, question: PlaceQuestion, messages: tuple[int, ...] = (), *, confirmed: bool = True
) -> Measurement:
    """Record a measurement of a question, with its report shown, and confirm it."""
    new = NewMeasurement(question.id, question.rule, FINGERPRINT, MODEL, "{}", 30, 8, messages)
    measurement = await store.measurements.record(new, MORGAN)
    assert measurement is not None
    await store.measurements.mark_reported(measurement.id)
    if confirmed:
        measurement = await store.measurements.confirm(measurement.id, MAX)
        assert measurement is not None
    return measurement


async def flag_for(store: ReviewStore, question: PlaceQuestion, message: int = FIRST) -> Case:
    """Post a message and open its case for a live question that was measured."""
    await store.place_questions.set_live(question.id, True)
    live = await store.place_questions.get(question.id)
    assert live is not None
    due = await answer(store, live, message)
    case = await store.cases.open_for_question(due, live, await measure(store, live), due.probabilities[0])
    assert case is not None
    return case
