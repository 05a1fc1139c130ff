"""How fast a backlog of reviews is scored, compared with the engine alone, while a user runs `/topk` twice a second.

`python -m benchmarks.review_backlog [--model demo] [--messages 10000]` records the messages in its own SQLite
file, as a backfill does, keeps their texts in memory, and lets the bot's code score them.
"""

import argparse
import asyncio
import json
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import discord

from bot.cli.bench.bursts import measure_reviews
from bot.cli.bench.work import REVIEW_WORDS, median, quantile, words
from bot.engine.executor import ModelExecutor, build_executor
from bot.features.review.scoring import Scoring
from bot.features.review.showing.publish import Publisher
from bot.questions.topk import TopKQuestion
from bot.settings import read_settings
from bot.storage.database import Database
from bot.storage.store import ReviewStore

CHANNEL, GUILD, AUTHOR = 2, 1, 3
AT_ONCE = 128  # reviews that `nightword bench` scores at once here
ROUNDS = 3
TOPK_INTERVAL_SECONDS = 0.5
ALONE_SECONDS = 20
POLL_SECONDS = 0.25


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--dtype", default=None)
    parser.add_argument("--messages", type=int, default=10_000)
    arguments = parser.parse_args()
    print(json.dumps(asyncio.run(_measure(arguments)), indent=2))


async def _measure(arguments: argparse.Namespace) -> dict[str, object]:
    settings = read_settings(model=arguments.model, dtype=arguments.dtype)
    executor = build_executor(settings.model_copy(update={"queue_limit": AT_ONCE, "request_timeout": 840.0}))
    executor.start()
    await asyncio.to_thread(executor.wait_until_loaded)
    try:
        before = await measure_reviews(executor, AT_ONCE, ROUNDS)
        alone = await _time_topk(executor, asyncio.create_task(asyncio.sleep(ALONE_SECONDS)))
        with tempfile.TemporaryDirectory() as folder:
            seconds, beside = await _score_backlog(executor, Path(folder) / "backlog.db", arguments.messages)
        after = await measure_reviews(executor, AT_ONCE, ROUNDS)
    finally:
        await asyncio.to_thread(executor.close)
    assert before is not None  # noqa: S101  # a model with verdicts
    assert after is not None  # noqa: S101  # as above
    engine, backlog = median([before, after]), arguments.messages / seconds
    return {
        "messages": arguments.messages,
        "engine_reviews_per_second": {"before": before, "after": after},
        "backlog_messages_per_second": backlog,
        "ratio": backlog / engine,
        "topk_seconds_alone": {"median": median(alone), "p95": quantile(alone, 0.95)},
        "topk_seconds_beside_the_backlog": {"median": median(beside), "p95": quantile(beside, 0.95)},
        "topk_asked_beside_the_backlog": len(beside),
    }


async def _score_backlog(executor: ModelExecutor, file: Path, count: int) -> tuple[float, list[float]]:
    """Score a backlog of `count` messages. Return its seconds, and the seconds of each `/topk` that ran meanwhile."""
    database = Database(f"sqlite+aiosqlite:///{file}")
    await database.open()
    store = ReviewStore(database)
    client = discord.Client(intents=discord.Intents.none())
    publisher = Publisher(client, store, executor)
    scoring = Scoring(client, database, store, executor, publisher)
    await store.places.watch(
        CHANNEL, GUILD, flag_below=None, log_channel_id=None, watched_by=AUTHOR, last_message_id=CHANNEL
    )
    began = datetime.now(UTC) - timedelta(days=1)
    for number in range(count):
        text = words(50_000 + number, REVIEW_WORDS)
        message_id = CHANNEL + 1 + number
        scoring.offer(message_id, text)
        posted_at = began + timedelta(seconds=number)
        await store.messages.record(
            message_id, CHANNEL, GUILD, AUTHOR, posted_at, text, channel_id=CHANNEL, backfilled=True
        )
    started = time.perf_counter()
    scoring.wake()
    waits = await _time_topk(executor, asyncio.create_task(_wait_until_scored(store)))
    seconds = time.perf_counter() - started
    assert await store.scores.count(CHANNEL) == count  # noqa: S101  # each message was scored once
    await scoring.stop()
    await publisher.stop()
    await database.close()
    return seconds, waits


async def _wait_until_scored(store: ReviewStore) -> None:
    while await store.messages.pending_count(GUILD):  # noqa: ASYNC110  # the store sets no event
        await asyncio.sleep(POLL_SECONDS)


async def _time_topk(executor: ModelExecutor, until: "asyncio.Task[None]") -> list[float]:
    """Run `/topk` again and again until `until` is done. Return the seconds that each took."""
    waits: list[float] = []

    while not until.done():
        began = time.perf_counter()
        await executor.submit(AUTHOR, TopKQuestion("It was a dark and stormy", 10))
        waits.append(time.perf_counter() - began)
        await asyncio.wait({until}, timeout=TOPK_INTERVAL_SECONDS)
    await until
    return waits


if __name__ == "__main__":
    main()
