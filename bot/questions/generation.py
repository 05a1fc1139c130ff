"""How a continuation is generated, in the terms of Hugging Face's `generate`."""

import random
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, get_args

from bot.errors import OptionIgnored, OptionOutOfRange

Strategy = Literal["greedy", "sample", "beam"]
Number = TypeVar("Number", int, float)

MAX_NEW_TOKENS = 256
MAX_SEED = 2**32 - 1

DEFAULT_NEW_TOKENS = 20
DEFAULT_TEMPERATURE = 0.8
DEFAULT_TOP_K = 50
DEFAULT_TOP_P = 0.95
DEFAULT_NUM_BEAMS = 5

# Smallest and largest value of each option. top_k 0 turns the cut off.
RANGES: dict[str, tuple[float, float]] = {
    "max_new_tokens": (1, MAX_NEW_TOKENS),
    "temperature": (0.05, 5.0),
    "top_k": (0, 1000),
    "top_p": (0.01, 1.0),
    "num_beams": (2, 10),
    "repetition_penalty": (0.5, 5.0),
    "seed": (0, MAX_SEED),
}

DEFAULTS: dict[str, object] = {
    "max_new_tokens": DEFAULT_NEW_TOKENS,
    "temperature": DEFAULT_TEMPERATURE,
    "top_k": DEFAULT_TOP_K,
    "top_p": DEFAULT_TOP_P,
    "num_beams": DEFAULT_NUM_BEAMS,
    "repetition_penalty": 1.0,
    "seed": "drawn and shown",
}

# The strategy that uses each option; those not named here belong to all.
STRATEGY_OF: dict[str, Strategy] = {
    "temperature": "sample",
    "top_k": "sample",
    "top_p": "sample",
    "seed": "sample",
    "num_beams": "beam",
}


@dataclass(frozen=True, slots=True)
class GenerationParameters:
    """Every parameter that decides a continuation; None where the strategy does not use it. `top_k` 0 cuts nothing."""

    strategy: Strategy
    max_new_tokens: int
    repetition_penalty: float
    top_k: int = 0
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    num_beams: int | None = None

    @classmethod
    def from_options(
        cls,
        *,
        strategy: Strategy = "greedy",
        max_new_tokens: int | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        num_beams: int | None = None,
        repetition_penalty: float | None = None,
        seed: int | None = None,
        max_new_tokens_limit: int = MAX_NEW_TOKENS,
    ) -> "GenerationParameters":
        """Fill in the defaults of a user's options; a missing seed is drawn, so that it can be shown.

        Raises OptionOutOfRange, and OptionIgnored for an option of another strategy.
        """
        if strategy not in get_args(Strategy):
            raise OptionOutOfRange("strategy", strategy, "greedy, sample or beam")
        given = {
            "max_new_tokens": max_new_tokens,
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "num_beams": num_beams,
            "repetition_penalty": repetition_penalty,
            "seed": seed,
        }
        ranges = RANGES | {"max_new_tokens": (1, max_new_tokens_limit)}
        for option, value in given.items():
            if value is None:
                continue
            smallest, largest = ranges[option]
            if not smallest <= value <= largest:
                raise OptionOutOfRange(option, value, f"from {smallest:,} to {largest:,}")
            if STRATEGY_OF.get(option, strategy) != strategy:
                raise OptionIgnored(option, strategy, STRATEGY_OF[option])
        sampled = strategy == "sample"
        return cls(
            strategy=strategy,
            max_new_tokens=min(DEFAULT_NEW_TOKENS, max_new_tokens_limit) if max_new_tokens is None else max_new_tokens,
            repetition_penalty=1.0 if repetition_penalty is None else repetition_penalty,
            temperature=_default(temperature, DEFAULT_TEMPERATURE) if sampled else None,
            top_k=_default(top_k, DEFAULT_TOP_K) if sampled else 0,
            top_p=_default(top_p, DEFAULT_TOP_P) if sampled else None,
            seed=_default(seed, random.randint(0, MAX_SEED)) if sampled else None,
            num_beams=_default(num_beams, DEFAULT_NUM_BEAMS) if strategy == "beam" else None,
        )

    def with_max_new_tokens(self, max_new_tokens: int) -> "GenerationParameters":
        """Return the same parameters for a text of another length, which only the model's context limits."""
        return replace(self, max_new_tokens=max_new_tokens)

    def with_new_seed(self) -> "GenerationParameters":
        """Return the same parameters for another draw."""
        return replace(self, seed=random.randint(0, MAX_SEED))

    @property
    def do_sample(self) -> bool:
        """Whether tokens are drawn rather than chosen."""
        return self.strategy == "sample"

    def used(self) -> dict[str, Any]:
        """Return the parameters in force by Hugging Face's names, those of other strategies left out."""
        parameters = {
            "strategy": self.strategy,
            "max_new_tokens": self.max_new_tokens,
            "do_sample": self.do_sample,
            "num_beams": self.num_beams,
            "temperature": self.temperature,
            "top_k": self.top_k,
            "top_p": self.top_p,
            "repetition_penalty": self.repetition_penalty,
            "seed": self.seed,
        }
        return {name: value for name, value in parameters.items() if value is not None}


def _default(value: Number | None, default: Number) -> Number:
    return default if value is None else value
