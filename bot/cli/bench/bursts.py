"""Simultaneous requests: tokens and reviews per second, time to the first and the next token, event-loop lag."""

import asyncio
import itertools
import time

from bot.cli.bench.figures import Burst
from bot.cli.bench.work import REVIEW_WORDS, Stamps, continuation, median, quantile, words
from bot.engine.executor import ModelExecutor
from bot.errors import SentimentUnsupported
from bot.questions.sentiment import SentimentQuestion

LAG_PROBE_SECONDS = 0.005


async def measure_continuations(
    executor: ModelExecutor, people: int, prompt_words: int, new_tokens: int, rounds: int
) -> Burst:
    """Return medians over `rounds` bursts of simultaneous greedy continuations of prompts of `prompt_words`."""
    speeds, first, gaps, lags = [], [], [], []
    for turn in range(rounds):
        prompts = [words(people * 100 + turn * 1000 + number, prompt_words) for number in range(people)]
        lag: list[float] = []
        probe = asyncio.create_task(_probe_loop(lag))
        began = time.perf_counter()
        stamps, tokens = await run_burst(executor, prompts, new_tokens)
        speeds.append(tokens / (time.perf_counter() - began))
        probe.cancel()
        lags += lag
        first += [times[0] - began for times in stamps if times]
        gaps += [later - earlier for times in stamps for earlier, later in itertools.pairwise(times)]
    return {
        "concurrency": people,
        "prompt_words": prompt_words,
        "tokens_per_second": median(speeds),
        "first_token_seconds": median(first),
        "token_seconds": {"median": median(gaps), "p95": quantile(gaps, 0.95)},
        "event_loop_lag_seconds": {"median": median(lags), "p99": quantile(lags, 0.99)},
    }


async def run_burst(executor: ModelExecutor, prompts: list[str], new_tokens: int) -> tuple[list[list[float]], int]:
    """Return the times of each continuation's new tokens, in seconds, and the total number of tokens."""
    stamps = [Stamps() for _ in prompts]
    written = await asyncio.gather(
        *(
            executor.submit(number, continuation(prompt, new_tokens), stamp)
            for number, (prompt, stamp) in enumerate(zip(prompts, stamps, strict=True))
        )
    )
    return [stamp.times for stamp in stamps], sum(len(answered.result.output_ids) for answered in written)


async def measure_reviews(executor: ModelExecutor, count: int, rounds: int) -> float | None:
    """Return the median reviews per second, `count` at once. None if it is 0 or the model can't judge sentiment."""
    if count == 0:
        return None
    speeds = []
    for turn in range(rounds):
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
