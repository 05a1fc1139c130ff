"""The work that is measured: prompts and reviews of random words, the same on every machine."""

import random
import statistics
import time
from collections.abc import Callable, Sequence

from bot.questions.continuation import Continuation
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import LanguageModel, ShouldStop

PROMPT_WORDS, REVIEW_WORDS = 30, 60
ROUNDS = 3
_WORDS = (
    "time", "year", "people", "way", "day", "man", "thing", "woman", "life", "child", "world", "school", "state",
    "family", "student", "group", "country", "problem", "hand", "part",
)  # fmt: skip


def words(seed: int, count: int = PROMPT_WORDS) -> str:
    """Return `count` words drawn with `seed`, the same on every machine."""
    choose = random.Random(seed)
    return " ".join(choose.choice(_WORDS) for _ in range(count))


class Stamps:
    """A draft that notes when each token was there."""

    stop_requested = False

    def __init__(self) -> None:
        self.times: list[float] = []

    def offer(self, _: Callable[[], Continuation]) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())


def continuation(
    prompt: str, new_tokens: int, stamps: Stamps | None = None, begun: Callable[[], None] = lambda: None
) -> Callable[[LanguageModel, ShouldStop], Continuation]:
    """Return a greedy continuation, for the executor; `begun` is called where its computation begins."""
    parameters = GenerationParameters.from_options(strategy="greedy").with_max_new_tokens(new_tokens)

    def operation(model: LanguageModel, should_stop: ShouldStop) -> Continuation:
        begun()
        return model.generate(prompt, parameters, should_stop, draft=stamps)

    return operation


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of `values` are, 0 where there are none."""
    ordered = sorted(values) or [0.0]
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    """Return the median, 0 where there are no values."""
    return statistics.median(values or [0.0])
