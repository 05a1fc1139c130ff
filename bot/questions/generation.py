"""How a continuation is generated, in the terms of Hugging Face's `generate`."""

import random
from dataclasses import dataclass, replace

from bot.errors import OptionIgnored, OptionOutOfRange
from bot.questions.options import (
    DEFAULT_NEW_TOKENS,
    DEFAULT_NUM_BEAMS,
    DEFAULT_PENALTY,
    DEFAULT_TEMPERATURE,
    DEFAULT_TOP_K,
    DEFAULT_TOP_P,
    MAX_NEW_TOKENS,
    MAX_SEED,
    RANGES,
    STRATEGIES,
    STRATEGY_OF,
    Strategy,
    given_or,
)


@dataclass(frozen=True, slots=True)
class GenerationParameters:
    """Every parameter of a continuation. It is None if the strategy doesn't use it or if its stage is off.

    `top_k` 0 means no limit.
    """

    strategy: Strategy
    max_new_tokens: int
    repetition_penalty: float
    top_k: int = 0
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    num_beams: int | None = None
    min_p: float | None = None
    top_h: float | None = None
    typical_p: float | None = None
    epsilon_cutoff: float | None = None
    eta_cutoff: float | None = None
    no_repeat_ngram_size: int | None = None

    @classmethod
    def from_options(
        cls,
        *,
        strategy: Strategy = "greedy",
        max_new_tokens: int | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        top_h: float | None = None,
        typical_p: float | None = None,
        epsilon_cutoff: float | None = None,
        eta_cutoff: float | None = None,
        num_beams: int | None = None,
        repetition_penalty: float | None = None,
        no_repeat_ngram_size: int | None = None,
        seed: int | None = None,
        max_new_tokens_limit: int = MAX_NEW_TOKENS,
    ) -> "GenerationParameters":
        """Fill in the defaults of a user's options. A missing seed is drawn at random and stored, to be shown.

        Raises OptionOutOfRange, and OptionIgnored for an option of another strategy.
        """
        if strategy not in STRATEGIES:
            raise OptionOutOfRange("strategy", strategy, "greedy, sample or beam")
        given = {
            "max_new_tokens": max_new_tokens,
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "min_p": min_p,
            "top_h": top_h,
            "typical_p": typical_p,
            "epsilon_cutoff": epsilon_cutoff,
            "eta_cutoff": eta_cutoff,
            "num_beams": num_beams,
            "repetition_penalty": repetition_penalty,
            "no_repeat_ngram_size": no_repeat_ngram_size,
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
        is_sampled = strategy == "sample"
        return cls(
            strategy=strategy,
            max_new_tokens=given_or(max_new_tokens, min(DEFAULT_NEW_TOKENS, max_new_tokens_limit)),
            repetition_penalty=given_or(repetition_penalty, DEFAULT_PENALTY),
            temperature=given_or(temperature, DEFAULT_TEMPERATURE) if is_sampled else None,
            top_k=given_or(top_k, DEFAULT_TOP_K) if is_sampled else 0,
            top_p=given_or(top_p, DEFAULT_TOP_P) if is_sampled else None,
            seed=given_or(seed, random.randint(0, MAX_SEED)) if is_sampled else None,
            num_beams=given_or(num_beams, DEFAULT_NUM_BEAMS) if strategy == "beam" else None,
            min_p=min_p,
            top_h=top_h,
            typical_p=typical_p,
            epsilon_cutoff=epsilon_cutoff,
            eta_cutoff=eta_cutoff,
            no_repeat_ngram_size=no_repeat_ngram_size,
        )

    def with_max_new_tokens(self, max_new_tokens: int) -> "GenerationParameters":
        """Return the same parameters with another length. Only the model's context limits it."""
        return replace(self, max_new_tokens=max_new_tokens)

    def with_new_seed(self) -> "GenerationParameters":
        """Return the same parameters with a random seed."""
        return replace(self, seed=random.randint(0, MAX_SEED))

    @property
    def do_sample(self) -> bool:
        """Whether tokens are sampled."""
        return self.strategy == "sample"

    def used(self) -> dict[str, str | float]:
        """Return the parameters that the strategy uses, by Hugging Face's names."""
        parameters = {
            "strategy": self.strategy,
            "max_new_tokens": self.max_new_tokens,
            "do_sample": self.do_sample,
            "num_beams": self.num_beams,
            "temperature": self.temperature,
            "top_k": self.top_k,
            "top_p": self.top_p,
            "min_p": self.min_p,
            "top_h": self.top_h,
            "typical_p": self.typical_p,
            "epsilon_cutoff": self.epsilon_cutoff,
            "eta_cutoff": self.eta_cutoff,
            "repetition_penalty": self.repetition_penalty,
            "no_repeat_ngram_size": self.no_repeat_ngram_size,
            "seed": self.seed,
        }
        return {name: value for name, value in parameters.items() if value is not None}
