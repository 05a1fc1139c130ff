"""Options of `/continue` and `continue`: defaults, ranges, and options that a strategy doesn't use."""

from typing import Any

import pytest

from bot.errors import OptionIgnored, OptionOutOfRange
from bot.questions.generation import GenerationParameters
from bot.questions.options import RANGES

Parameters = GenerationParameters
SAMPLED = (
    "temperature", "top_k", "top_p", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff", "seed",
)  # fmt: skip


@pytest.mark.parametrize(
    ("options", "used"),
    [
        ({}, {"strategy": "greedy", "max_new_tokens": 20, "do_sample": False, "top_k": 0, "repetition_penalty": 1.0}),
        (
            {"strategy": "beam"},
            {"strategy": "beam", "max_new_tokens": 20, "do_sample": False, "num_beams": 5, "top_k": 0,
             "repetition_penalty": 1.0},
        ),
        (
            {"strategy": "sample", "top_k": 0, "seed": 0},
            {
                "strategy": "sample", "max_new_tokens": 20, "do_sample": True, "temperature": 0.8, "top_k": 0,
                "top_p": 0.95, "repetition_penalty": 1.0, "seed": 0,
            },
        ),
        (
            {"strategy": "sample", "seed": 0, "min_p": 0.1, "top_h": 0.5, "typical_p": 0.9, "epsilon_cutoff": 0.001,
             "eta_cutoff": 0.002, "no_repeat_ngram_size": 3},
            {
                "strategy": "sample", "max_new_tokens": 20, "do_sample": True, "temperature": 0.8, "top_k": 50,
                "top_p": 0.95, "min_p": 0.1, "top_h": 0.5, "typical_p": 0.9, "epsilon_cutoff": 0.001,
                "eta_cutoff": 0.002, "repetition_penalty": 1.0, "no_repeat_ngram_size": 3, "seed": 0,
            },
        ),
        (
            {"no_repeat_ngram_size": 2},
            {"strategy": "greedy", "max_new_tokens": 20, "do_sample": False, "top_k": 0, "repetition_penalty": 1.0,
             "no_repeat_ngram_size": 2},
        ),
    ],
)  # fmt: skip
def test_defaults_are_filled_in_and_shown(options: Any, used: Any) -> None:
    assert Parameters.from_options(**options).used() == used


def test_a_missing_seed_is_drawn_each_time() -> None:
    seeds = {Parameters.from_options(strategy="sample").seed for _ in range(5)}
    assert len(seeds) == 5


@pytest.mark.parametrize(
    ("strategy", "option"),
    [("greedy", option) for option in (*SAMPLED, "num_beams")]
    + [("beam", option) for option in SAMPLED]
    + [("sample", "num_beams")],
)
def test_an_option_that_the_strategy_ignores_is_refused_with_a_hint(strategy: Any, option: str) -> None:
    other = "beam" if option == "num_beams" else "sample"
    options: Any = {"strategy": strategy, option: RANGES[option][1]}
    with pytest.raises(OptionIgnored, match=f"{option} has no effect with strategy {strategy}.*strategy {other}"):
        Parameters.from_options(**options)


@pytest.mark.parametrize("option", RANGES)
@pytest.mark.parametrize("end", [0, 1])
def test_values_outside_a_range_are_refused_by_name(option: str, end: int) -> None:
    strategy = {"num_beams": "beam"}.get(option, "sample" if option in SAMPLED else "greedy")
    edge = RANGES[option][end]
    within: Any = {"strategy": strategy, option: edge}
    Parameters.from_options(**within)
    beyond: Any = {"strategy": strategy, option: edge + (1 if end else -1)}
    with pytest.raises(OptionOutOfRange, match=f"{option} is .* but must be from"):
        Parameters.from_options(**beyond)


def test_nan_is_out_of_range() -> None:
    with pytest.raises(OptionOutOfRange):
        Parameters.from_options(strategy="sample", temperature=float("nan"))


def test_the_setting_lowers_the_limit_and_the_default() -> None:
    assert Parameters.from_options(max_new_tokens_limit=8).max_new_tokens == 8
    with pytest.raises(OptionOutOfRange, match="max_new_tokens is 9, but must be from 1 to 8"):
        Parameters.from_options(max_new_tokens=9, max_new_tokens_limit=8)
