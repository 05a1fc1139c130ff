"""`nightword bench`: how fast the model answers one person and many, through the executor that the bot uses."""

import argparse
import asyncio
import itertools
import json
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import psutil

from bot.client import build_executor
from bot.errors import SentimentUnsupported, UsageError
from bot.inference.executor import ModelExecutor
from bot.inference.generation_parameters import GenerationParameters
from bot.inference.model import Continuation, LanguageModel, ShouldStop
from bot.rendering.json_objects import JsonObject, model_object
from bot.settings import Settings, read_settings

PROMPT_WORDS, REVIEW_WORDS = 30, 60
ROUNDS = 3
LAG_PROBE_SECONDS = 0.005
_WORDS = (
    "time", "year", "people", "way", "day", "man", "thing", "woman", "life", "child", "world", "school", "state",
    "family", "student", "group", "country", "problem", "hand", "part",
)  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Print the figures of bursts of continuations and of reviews. Raises ConfigurationError."""
    people = concurrency(arguments.concurrency)
    settings = read_settings(model=arguments.model, dtype=arguments.dtype)
    most = max(*people, settings.batch_size, arguments.reviews)
    settings = settings.model_copy(update={"queue_limit": most, "request_timeout": 840.0})
    figures = asyncio.run(_measure(settings, people, arguments.new_tokens, arguments.reviews))
    print(json.dumps(figures) if arguments.json else _table(figures))
    return 0


async def _measure(settings: Settings, concurrency: list[int], new_tokens: int, reviews: int) -> JsonObject:
    executor = build_executor(settings)
    executor.start()
    await asyncio.to_thread(executor.wait_until_loaded)
    info = executor.status.model
    assert info is not None  # noqa: S101  # it is loaded
    try:
        await _burst(executor, [words(0)], new_tokens)  # warm up
        bursts = [await _continuations(executor, people, new_tokens) for people in concurrency]
        scored = await _reviews(executor, reviews)
    finally:
        await asyncio.to_thread(executor.close)
    return {
        "model": {**model_object(info), "name": info.short_name, "parameters": info.parameter_count},
        "new_tokens": new_tokens,
        "rounds": ROUNDS,
        "continuations": bursts,
        "reviews_per_second": scored,
        "peak_memory_bytes": _peak_memory(),
    }


async def _continuations(executor: ModelExecutor, people: int, new_tokens: int) -> JsonObject:
    """Return medians over a few bursts of `people` simultaneous greedy continuations."""
    speeds, first, gaps, lags = [], [], [], []
    for turn in range(ROUNDS):
        prompts = [words(people * 100 + turn * 1000 + number) for number in range(people)]
        lag: list[float] = []
        probe = asyncio.create_task(_probe_loop(lag))
        began = time.perf_counter()
        stamps, tokens = await _burst(executor, prompts, new_tokens)
        speeds.append(tokens / (time.perf_counter() - began))
        probe.cancel()
        lags += lag
        first += [one[0] - began for one in stamps if one]
        gaps += [later - earlier for one in stamps for earlier, later in itertools.pairwise(one)]
    return {
        "concurrency": people,
        "tokens_per_second": statistics.median(speeds),
        "first_token_seconds": statistics.median(first),
        "token_seconds": {"median": statistics.median(gaps or [0.0]), "p95": _quantile(gaps, 0.95)},
        "event_loop_lag_seconds": {"median": statistics.median(lags or [0.0]), "p99": _quantile(lags, 0.99)},
    }


async def _burst(executor: ModelExecutor, prompts: list[str], new_tokens: int) -> tuple[list[list[float]], int]:
    """Return when each new token of each continuation was there, and how many there were in all."""
    parameters = GenerationParameters.from_options(strategy="greedy").with_max_new_tokens(new_tokens)
    drafts = [_Stamps() for _ in prompts]

    def operation(prompt: str, draft: _Stamps) -> Callable[[LanguageModel, ShouldStop], Continuation]:
        return lambda model, should_stop: model.generate(prompt, parameters, should_stop, draft=draft)

    written = await asyncio.gather(
        *(
            executor.submit(number, operation(prompt, draft))
            for number, (prompt, draft) in enumerate(zip(prompts, drafts, strict=True))
        )
    )
    return [draft.times for draft in drafts], sum(len(one.output_ids) for one in written)


async def _reviews(executor: ModelExecutor, count: int) -> float | None:
    """Return reviews a second, all asked at once; None where the model has no verdicts."""
    if count == 0:
        return None
    speeds = []
    for turn in range(ROUNDS):
        texts = [words(5000 + turn * 1000 + number, REVIEW_WORDS) for number in range(count)]
        began = time.perf_counter()
        try:
            await asyncio.gather(
                *(
                    executor.submit(number, lambda model, _, text=text: model.sentiment(text))  # type: ignore[misc]  # its text is bound
                    for number, text in enumerate(texts)
                )
            )
        except SentimentUnsupported:
            return None
        speeds.append(count / (time.perf_counter() - began))
    return statistics.median(speeds)


class _Stamps:
    """Notes when each token was there."""

    stop_requested = False

    def __init__(self) -> None:
        self.times: list[float] = []

    def offer(self, _: Callable[[], Continuation]) -> None:
        self.times.append(time.perf_counter())


async def _probe_loop(lag: list[float]) -> None:
    while True:
        due = time.perf_counter() + LAG_PROBE_SECONDS
        await asyncio.sleep(LAG_PROBE_SECONDS)
        lag.append(max(0.0, time.perf_counter() - due))


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values) or [0.0]
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _peak_memory() -> int:
    process = psutil.Process()
    memory: Any = process.memory_info()
    peak: int = getattr(memory, "peak_wset", 0)  # Windows
    try:
        import resource
    except ImportError:
        return peak
    unit = 1 if psutil.MACOS else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def concurrency(text: str) -> list[int]:
    """Return the numbers of ``1,8,16``. Raises UsageError."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = [0]
    if not all(1 <= number <= 256 for number in numbers):
        raise UsageError(f"--concurrency is {text!r}, but must be whole numbers from 1 to 256 with commas between them")
    return numbers


def words(seed: int, count: int = PROMPT_WORDS) -> str:
    """Return `count` words drawn with `seed`, the same on every machine."""
    choose = random.Random(seed)
    return " ".join(choose.choice(_WORDS) for _ in range(count))


def _table(figures: JsonObject) -> str:
    model = figures["model"]
    lines = [
        f"{model['name']}, {model['parameters']:,} parameters, {model['dtype']} on {model['device']}",
        f"medians of {figures['rounds']} rounds, {figures['new_tokens']} new tokens each",
        "",
        "at once  tokens/s  first token  next token (p95)  loop lag p99",
    ]
    for burst in figures["continuations"]:
        token, lag = burst["token_seconds"], burst["event_loop_lag_seconds"]
        lines.append(
            f"{burst['concurrency']:7}  {burst['tokens_per_second']:8.1f}  {burst['first_token_seconds']:9.3f} s"
            f"  {token['median'] * 1000:5.0f} ms ({token['p95'] * 1000:.0f})".ljust(50)
            + f"  {lag['p99'] * 1000:.1f} ms"
        )
    scored = figures["reviews_per_second"]
    lines.append(f"\nreviews/s: {'not measured' if scored is None else f'{scored:.1f}'}")
    lines.append(f"peak memory: {figures['peak_memory_bytes'] / 1e9:.2f} GB")
    return "\n".join(lines)
