"""`nightword bench`: measure how fast the model answers one person and many, through the bot's executor."""

import argparse
import asyncio
import json
from dataclasses import dataclass

from bot.cli.bench.bursts import measure_continuations, measure_reviews, run_burst
from bot.cli.bench.figures import Figures, figures_table
from bot.cli.bench.memory import peak_memory
from bot.cli.bench.waiting import measure_estimates, measure_newcomer
from bot.cli.bench.work import words
from bot.engine.executor import build_executor
from bot.errors import UsageError
from bot.settings import Settings, read_settings

OTHERS = 15  # running requests beside a new one
QUEUED = 3  # batches that are submitted at once, to measure the estimates of waiting times


def run(arguments: argparse.Namespace) -> int:
    """Measure and print the figures. Raises ConfigurationError."""
    people = parse_numbers("--concurrency", arguments.concurrency, most=256)
    prompt_words = parse_numbers("--prompt-words", arguments.prompt_words, most=2000)
    settings = read_settings(model=arguments.model, dtype=arguments.dtype)
    queue_limit = max(*people, QUEUED * settings.batch_size, arguments.reviews)
    settings = settings.model_copy(update={"queue_limit": queue_limit, "request_timeout": 840.0})
    work = Work(
        people, prompt_words, arguments.new_tokens, arguments.reviews, arguments.rounds, not arguments.no_waiting
    )
    figures = asyncio.run(_measure(settings, work))
    print(json.dumps(figures) if arguments.json else figures_table(figures))
    return 0


@dataclass(frozen=True, slots=True)
class Work:
    """What is measured."""

    people: list[int]
    prompt_words: list[int]
    new_tokens: int
    reviews: int
    rounds: int
    has_waiting: bool


async def _measure(settings: Settings, work: Work) -> Figures:
    executor = build_executor(settings)
    executor.start()
    await asyncio.to_thread(executor.wait_until_loaded)
    info = executor.status.model
    assert info is not None  # noqa: S101  # it is loaded
    try:
        await run_burst(executor, [words(0)], work.new_tokens)  # warm up
        bursts = [
            await measure_continuations(executor, number, length, work.new_tokens, work.rounds)
            for length in work.prompt_words
            for number in work.people
        ]
        review_rate = await measure_reviews(executor, work.reviews, work.rounds)
        newcomer, estimates = None, None
        if work.has_waiting:
            newcomer = await measure_newcomer(executor, min(OTHERS, settings.batch_size - 1), work.new_tokens)
            estimates = await measure_estimates(executor, QUEUED * settings.batch_size, work.new_tokens)
    finally:
        await asyncio.to_thread(executor.close)
    return {
        "model": {
            "name": info.short_name,
            "revision": info.revision,
            "dtype": info.dtype,
            "quantization": info.quantization,
            "device": info.device,
            "parameters": info.parameter_count,
            "engine_path": info.engine_path,
        },
        "new_tokens": work.new_tokens,
        "rounds": work.rounds,
        "continuations": bursts,
        "reviews_per_second": review_rate,
        "newcomer": newcomer,
        "estimate": estimates,
        "peak_memory_bytes": peak_memory(),
    }


def parse_numbers(option: str, text: str, *, most: int) -> list[int]:
    """Parse numbers such as ``1,8,16``, the value of `option`. Raises UsageError."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = [0]
    if not all(1 <= number <= most for number in numbers):
        raise UsageError(f"{option} is {text!r}, but must be whole numbers from 1 to {most} separated by commas")
    return numbers
