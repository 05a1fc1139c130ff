"""Waiting: time to the first token while others run, and the error of the estimates that users see."""

import asyncio
import time

from bot.cli.bench.figures import Estimates, Newcomer
from bot.cli.bench.work import Stamps, continuation, median, quantile, words
from bot.engine.executor import ModelExecutor

POLL_SECONDS = 0.25
NEWCOMERS = 3


async def measure_newcomer(executor: ModelExecutor, others: int, new_tokens: int) -> Newcomer:
    """Return the median time to the first token of a request while `others` run, and of one that runs alone.

    People come at any time, so the requests beside others begin at times spread evenly over a forward pass.
    """
    alone = [await _first_token(executor, 20_000 + turn) for turn in range(NEWCOMERS)]
    beside_others = []
    for turn in range(NEWCOMERS):
        stamps = [Stamps() for _ in range(others)]
        writing = [
            executor.submit(number, continuation(words(21_000 + 100 * turn + number), 3 * new_tokens), stamp)
            for number, stamp in enumerate(stamps)
        ]
        while not all(len(stamp.times) > 1 for stamp in stamps):  # noqa: ASYNC110  # the model's thread has no event for it
            await asyncio.sleep(0.001)
        last = max(stamp.times[-1] for stamp in stamps)
        pass_seconds = last - max(stamp.times[-2] for stamp in stamps)
        await asyncio.sleep(max(0.0, last + pass_seconds * (turn + 0.5) / NEWCOMERS - time.perf_counter()))
        beside_others.append(await _first_token(executor, 22_000 + turn))
        for future in writing:
            future.cancel()
        while executor.status.running:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.001)
    return {"others": others, "first_token_seconds": median(beside_others), "alone_seconds": median(alone)}


async def measure_estimates(executor: ModelExecutor, people: int, new_tokens: int) -> Estimates:
    """Return the error of the estimates for `people` simultaneous requests, for texts of different lengths."""
    stamps = [Stamps() for _ in range(people)]
    futures = [
        executor.submit(number, continuation(words(30_000 + number), 1 + (number * 7) % (2 * new_tokens)), stamp)
        for number, stamp in enumerate(stamps)
    ]
    seen: list[tuple[int, float, float]] = []
    while not all(future.done() for future in futures):
        now = time.perf_counter()
        places = [(number, executor.place(future)) for number, future in enumerate(futures)]
        seen += [(number, now, place.seconds) for number, place in places if place and place.seconds is not None]
        await asyncio.sleep(POLL_SECONDS)
    errors = [abs(now + seconds - stamps[number].began) for number, now, seconds in seen]
    waited = [stamps[number].began - now for number, now, _ in seen]
    return {
        "seen": len(seen),
        "wait_seconds": median(waited),
        "error_seconds": median(errors),
        "p95": quantile(errors, 0.95),
    }


async def _first_token(executor: ModelExecutor, seed: int) -> float:
    stamps = Stamps()
    submitted = time.perf_counter()
    await executor.submit(1000, continuation(words(seed), 2), stamps)
    return stamps.times[0] - submitted
