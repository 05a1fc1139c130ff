"""Who writes what where."""

from datetime import UTC, datetime, timedelta

from bot.storage.records import NewScore
from bot.storage.review_store import ReviewStore

GUILD, CHANNEL, OTHER_CHANNEL, OTHER_GUILD = 2**62 + 1, 2**62 + 2, 2**62 + 3, 2**62 + 4
ADA, GRACE, MORGAN = 2**62 + 10, 2**62 + 11, 2**62 + 12
NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
FIRST = 2**62 + 1000
MODEL = "demo"


async def watch(store: ReviewStore, channel: int = CHANNEL, guild: int = GUILD) -> None:
    await store.watch(
        channel, guild, flag_below=0.25, log_channel_id=None, watched_by=MORGAN, last_message_id=FIRST - 1
    )


async def write(
    store: ReviewStore, message: int = FIRST, text: str = "Good.", author: int = ADA, channel: int = CHANNEL
) -> bool:
    """Post a message, or edit it; each is a minute later than the one before."""
    guild = OTHER_GUILD if channel == OTHER_CHANNEL else GUILD
    posted_at = NOON + timedelta(minutes=message - FIRST)
    return await store.record(message, channel, guild, author, posted_at, text, posted_in=channel)


async def judge(store: ReviewStore, message: int = FIRST, probability: float = 0.5, model: str = MODEL) -> bool:
    """Score what waits of a message."""
    [waiting] = [pending for pending in await store.pending(1000) if pending.message_id == message]
    return await give(store, message, waiting.content_hash, probability, model)


async def give(
    store: ReviewStore, message: int, content_hash: str, probability: float = 0.5, model: str = MODEL
) -> bool:
    score = NewScore(message, content_hash, model, probability, margin=1.5, label_mass=0.75)
    return await store.score_all([score]) == 1
