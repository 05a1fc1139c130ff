"""Whether memory grows over many requests of all kinds, 16 at once.

`python -m benchmarks.memory [--model demo] [--requests 10000]` prints the process's memory after each tenth as JSON.
"""

import argparse
import asyncio
import json
import random
from typing import Any

import psutil

from bot.cli.bench.work import continuation, words
from bot.engine.executor import IDLE_SECONDS, ModelExecutor, load_language_model
from bot.questions.comparison import ComparisonQuestion
from bot.questions.continuation import ContinuationQuestion
from bot.questions.contrast import ContrastQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import Question
from bot.questions.sampler import SamplerQuestion
from bot.questions.sentiment import EvidenceQuestion, SentimentQuestion
from bot.questions.tokenization import TokenizationQuestion
from bot.questions.topk import TopKQuestion
from bot.questions.why import WhyQuestion
from bot.questions.xray import XrayQuestion
from bot.settings import read_settings

AT_ONCE, TENTHS = 16, 10
SECONDS_TO_REST = 2 * IDLE_SECONDS


def main() -> None:
    """Print the megabytes in use after each tenth of the requests, and the largest distance from their mean."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--requests", type=int, default=10_000)
    arguments = parser.parse_args()
    settings = read_settings(model=arguments.model)
    executor = ModelExecutor(
        lambda: load_language_model(settings), name=arguments.model, batch_size=AT_ONCE, queue_limit=AT_ONCE,
        user_limit=AT_ONCE, request_timeout=600.0,
    )  # fmt: skip
    executor.start()
    executor.wait_until_loaded()
    megabytes = asyncio.run(measure(executor, arguments.requests))
    executor.close()
    mean = sum(megabytes) / len(megabytes)
    spread = max(abs(value - mean) for value in megabytes) / mean
    print(json.dumps({"requests": arguments.requests, "megabytes": megabytes, "largest_distance": round(spread, 4)}))


async def measure(executor: ModelExecutor, requests: int) -> list[float]:
    """Return the megabytes in use after each tenth of `requests`, at rest. A twentieth runs first, to warm up."""
    numbers = iter(range(requests + requests // 20))

    async def ask(count: int) -> float:
        async def ask_in_turn() -> None:
            for number in some:
                await executor.submit(1, question(number))

        some = iter([next(numbers) for _ in range(count)])
        await asyncio.gather(*(ask_in_turn() for _ in range(AT_ONCE)))
        await asyncio.sleep(SECONDS_TO_REST)
        return round(psutil.Process().memory_info().rss / 1e6, 1)

    await ask(requests // 20)
    return [await ask(requests // TENTHS) for _ in range(TENTHS)]


def question(number: int) -> Question[Any]:
    """Return a question of a kind and with a prompt that depend on its number."""
    choose = random.Random(number)
    prompt = words(number, choose.randrange(2, 60))
    new_tokens = choose.randrange(4, 24)
    sampled = GenerationParameters.from_options(strategy="sample", seed=number).with_max_new_tokens(new_tokens)
    beams = GenerationParameters.from_options(strategy="beam", num_beams=3).with_max_new_tokens(new_tokens)
    kinds: list[Question[Any]] = [
        TopKQuestion.from_options(prompt),
        TopKQuestion.from_options(prompt, 25, after_ids=(10, 20)),
        continuation(prompt, new_tokens),
        ContinuationQuestion(prompt, sampled),
        ContinuationQuestion(prompt, beams),
        ComparisonQuestion.from_options(prompt, max_new_tokens=new_tokens, seed=number),
        SamplerQuestion.from_options(prompt),
        ContrastQuestion(prompt, f"{prompt} night"),
        SentimentQuestion(prompt),
        EvidenceQuestion(prompt[:100]),
        TokenizationQuestion(prompt),
        XrayQuestion(prompt),
        WhyQuestion(prompt),
    ]
    return kinds[number % len(kinds)]


if __name__ == "__main__":
    main()
