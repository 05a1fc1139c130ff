"""What examples cost: reviews a second with a question with and without four examples, and /topk meanwhile.

`python -m benchmarks.decisions [--model FOLDER] [--messages 10000]`
"""

import argparse
import asyncio
import statistics
import time

from bot.cli.bench.work import REVIEW_WORDS, words
from bot.engine.executor import ModelExecutor, build_executor
from bot.questions.decision import Decision, DecisionQuestion, Example
from bot.questions.topk import TopKQuestion
from bot.settings import read_settings

AT_ONCE = 64  # as a place's messages wait for their scores
EXAMPLES = (
    Example("A warm, witty film with a cast that never puts a foot wrong.", " positive"),
    Example("Two hours of noise in search of a story.", " negative"),
    Example("Slow to start, but the last half hour is worth the wait.", " positive"),
    Example("The jokes were tired twenty years ago, and the actors look it too.", " negative"),
)
TEMPLATE, LABELS = "Review: {text}\nSentiment:", (" positive", " negative")


def main() -> None:
    """Print the rate of each question, their ratio, and how long /topk took meanwhile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--dtype", default=None)
    parser.add_argument("--messages", type=int, default=10_000)
    arguments = parser.parse_args()
    executor = build_executor(read_settings(model=arguments.model, dtype=arguments.dtype))
    executor.start()
    executor.wait_until_loaded()
    print(f"{arguments.model}, {arguments.messages:,} messages for each question")
    plain = Decision("template", TEMPLATE, LABELS)
    shown = Decision("template", TEMPLATE, LABELS, EXAMPLES)
    alone, _ = asyncio.run(_run(executor, plain, arguments.messages))
    after, waits = asyncio.run(_run(executor, shown, arguments.messages))
    print(f"without examples {alone:.1f}/s, after four examples {after:.1f}/s: ratio {after / alone:.2f}")
    longest = f"median {statistics.median(waits) * 1000:.0f} ms, longest {max(waits):.2f} s"
    print(f"/topk meanwhile: {len(waits)} answers, {longest}")
    executor.close()


async def _run(executor: ModelExecutor, decision: Decision, count: int) -> tuple[float, list[float]]:
    """Return messages a second, and the seconds that /topk took every second meanwhile."""
    waits: list[float] = []

    async def ask() -> None:
        while True:
            began = time.perf_counter()
            await executor.submit(1, TopKQuestion("It was a dark and stormy", 10))
            waits.append(time.perf_counter() - began)
            await asyncio.sleep(1)

    await executor.submit_background(0, DecisionQuestion(decision, "warm"))  # computes the common beginning
    asking = asyncio.create_task(ask())
    began, numbers = time.perf_counter(), iter(range(count))

    async def score() -> None:
        for number in numbers:
            await executor.submit_background(number % 7, DecisionQuestion(decision, words(number, REVIEW_WORDS)))

    await asyncio.gather(*(score() for _ in range(AT_ONCE)))
    rate = count / (time.perf_counter() - began)
    asking.cancel()
    return rate, waits


if __name__ == "__main__":
    main()
