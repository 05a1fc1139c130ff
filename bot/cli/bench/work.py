"""The measured work: prompts and reviews of random words, the same on every machine."""

import random
import statistics
import time
from collections.abc import Callable, Sequence

from bot.questions.continuation import Continuation, ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import Watcher

PROMPT_WORDS, REVIEW_WORDS = 30, 60
_WORDS = (
    "time", "year", "people", "way", "day", "man", "thing", "woman", "life", "child", "world", "school", "state",
    "family", "student", "group", "country", "problem", "hand", "part",
)  # fmt: skip


def words(seed: int, count: int = PROMPT_WORDS) -> str:
    """Return `count` words drawn with `seed`, the same on every machine."""
    choose = random.Random(seed)
    return " ".join(choose.choice(_WORDS) for _ in range(count))


class Stamps(Watcher[Continuation]):
    """Records when the computation began and when each token arrived, by time.perf_counter()."""

    def __init__(self) -> None:
        self.began = 0.0
        self.times: list[float] = []

    def begin(self) -> None:
        """Record the beginning."""
        self.began = time.perf_counter()

    def offer(self, partial: Callable[[], Continuation]) -> None:  # noqa: ARG002  # only the time matters
        """Record the time."""
        self.times.append(time.perf_counter())


def continuation(prompt: str, new_tokens: int) -> ContinuationQuestion:
    """Return the question for a greedy continuation."""
    parameters = GenerationParameters.from_options(strategy="greedy").with_max_new_tokens(new_tokens)
    return ContinuationQuestion(prompt, parameters)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the quantile at `share` of `values`, or 0 if there are none."""
    ordered = sorted(values) or [0.0]
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    """Return the median, or 0 if there are no values."""
    return statistics.median(values or [0.0])
