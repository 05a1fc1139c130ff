"""People who ask at the same moment: tokens and reviews a second, the first token, the next, the event loop's lag."""

import asyncio
import itertools
import time

from bot.cli.bench.figures import Burst
from bot.cli.bench.work import REVIEW_WORDS, ROUNDS, Stamps, continuation, median, quantile, words
from bot.engine.executor import ModelExecutor
from bot.errors import SentimentUnsupported
from bot.questions.sentiment import SentimentQuestion

LAG_PROBE_SECONDS = 0.005


async def continuations(executor: ModelExecutor, people: int, new_tokens: int) -> Burst:
    """Return medians over a few bursts of `people` simultaneous greedy continuations."""
    speeds, first, gaps, lags = [], [], [], []
    for turn in range(ROUNDS):
        prompts = [words(people * 100 + turn * 1000 + number) for number in range(people)]
        lag: list[float] = []
        probe = asyncio.create_task(_probe_loop(lag))
        began = time.perf_counter()
        stamps, tokens = await burst(executor, prompts, new_tokens)
        speeds.append(tokens / (time.perf_counter() - began))
        probe.cancel()
        lags += lag
        first += [one[0] - began for one in stamps if one]
        gaps += [later - earlier for one in stamps for earlier, later in itertools.pairwise(one)]
    return {
        "concurrency": people,
        "tokens_per_second": median(speeds),
        "first_token_seconds": median(first),
        "token_seconds": {"median": median(gaps), "p95": quantile(gaps, 0.95)},
        "event_loop_lag_seconds": {"median": median(lags), "p99": quantile(lags, 0.99)},
    }


async def burst(executor: ModelExecutor, prompts: list[str], new_tokens: int) -> tuple[list[list[float]], int]:
    """Return when each new token of each continuation was there, and how many there were in all."""
    stamps = [Stamps() for _ in prompts]
    written = await asyncio.gather(
        *(
            executor.submit(number, continuation(prompt, new_tokens), stamp)
            for number, (prompt, stamp) in enumerate(zip(prompts, stamps, strict=True))
        )
    )
    return [one.times for one in stamps], sum(len(one.result.output_ids) for one in written)


async def reviews(executor: ModelExecutor, count: int) -> float | None:
    """Return reviews a second, all asked at once; None where the model has no verdicts."""
    if count == 0:
        return None
    speeds = []
    for turn in range(ROUNDS):
        texts = [words(5000 + turn * 1000 + number, REVIEW_WORDS) for number in range(count)]
        began = time.perf_counter()
        try:
            await asyncio.gather(
                *(executor.submit(number, SentimentQuestion(text)) for number, text in enumerate(texts))
            )
        except SentimentUnsupported:
            return None
        speeds.append(count / (time.perf_counter() - began))
    return median(speeds)


async def _probe_loop(lag: list[float]) -> None:
    while True:
        due = time.perf_counter() + LAG_PROBE_SECONDS
        await asyncio.sleep(LAG_PROBE_SECONDS)
        lag.append(max(0.0, time.perf_counter() - due))
