"""Servers, channels and people of the storage tests, and the steps that they take."""

from datetime import UTC, datetime, timedelta

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
