"""Where the engine spends its time: matrix products, attention, other operators, and Python.

usage: python -m benchmarks.step_profile FOLDER DTYPE
"""

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from torch.profiler import ProfilerActivity, profile

from benchmarks.work import PEOPLE
from bot.cli.bench.work import REVIEW_WORDS, Stamps, continuation, median, words
from bot.engine.scheduler import Scheduler
from bot.engine.transformers.loading import load_model
from bot.questions.language_model import LanguageModel
from bot.questions.sentiment import SentimentQuestion

STEPS, PROFILED, REVIEWS = 9, 3, 16
PARTS = {
    "matrix products": ("linear", "addmm", "aten::mm", "matmul", "int8pack_mm", "int4pack_mm"),
    "attention": ("scaled_dot_product", "attention"),
}
OTHER, PYTHON = "other operators", "Python"


def main() -> None:
    """Print the milliseconds of one step, and of 16 reviews, by part as JSON."""
    print(json.dumps(measure(*sys.argv[1:])))


def measure(folder: str, dtype: str) -> dict[str, dict[str, float]]:
    """Return the milliseconds of each kind of step by part."""
    model = load_model(folder, dtype=dtype, device="cpu", max_prompt_tokens=1024)
    figures = {f"a token, {people} at once": _token(model, people) for people in PEOPLE}
    _score(model)  # prepares the kernels for these numbers of rows
    figures[f"{REVIEWS} reviews"] = _parts(
        lambda: _score(model), [_measure_seconds(lambda: _score(model)) for _ in range(3)], 1
    )
    return figures


def _token(model: LanguageModel, people: int) -> dict[str, float]:
    """Return the parts of a step that computes the next token for each of `people`."""
    scheduler, stamps = Scheduler(), [Stamps() for _ in range(people)]
    for number, stamp in enumerate(stamps):
        question = continuation(words(number), 4 * (STEPS + PROFILED))
        scheduler.start(partial(model.answer, question, stamp), _never, lambda *_: None)
    while not all(len(stamp.times) > 1 for stamp in stamps):
        scheduler.step()
    seconds = [_measure_seconds(scheduler.step) for _ in range(STEPS)]
    return _parts(scheduler.step, seconds, PROFILED)


def _score(model: LanguageModel) -> None:
    scheduler = Scheduler()
    for number in range(REVIEWS):
        review = words(5000 + number, REVIEW_WORDS)
        scheduler.start(lambda review=review: model.answer(SentimentQuestion(review)), _never, lambda *_: None)  # type: ignore[misc]  # its text is bound
    while len(scheduler):
        scheduler.step()


def _parts(work: Callable[[], None], seconds: list[float], times: int) -> dict[str, float]:
    """Return the milliseconds of `work` by part. Python is the rest of `seconds`, because the profiler slows it."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(times):
            work()
    parts = dict.fromkeys((*PARTS, OTHER), 0.0)
    events: Any = profiler.key_averages()
    for event in events:
        part = next((part for part, names in PARTS.items() if any(name in event.key for name in names)), OTHER)
        parts[part] += event.self_cpu_time_total / 1000 / times
    return {**parts, PYTHON: max(0.0, 1000 * median(seconds) - sum(parts.values()))}


def _measure_seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _never() -> bool:
    return False


if __name__ == "__main__":
    main()
