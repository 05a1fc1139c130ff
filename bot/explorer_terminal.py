"""The explorer's commands in a terminal: tables for people, JSON for programs, and pictures."""

import argparse
import random
from collections.abc import Callable
from typing import TypeVar

from bot.picture_file import picture_target, write_picture
from bot.questions.comparison import DEFAULT_PENALTY, MAX_COMPARED_TOKENS
from bot.questions.generation import (
    DEFAULT_NEW_TOKENS,
    DEFAULT_NUM_BEAMS,
    DEFAULT_TEMPERATURE,
    DEFAULT_TOP_K,
    DEFAULT_TOP_P,
    MAX_SEED,
)
from bot.rendering.exploration_objects import comparison_object, stages_object, surprisals_object
from bot.rendering.exploration_tables import (
    comparison_table,
    stages_table,
    surprisals_summary,
    surprisals_table,
)
from bot.rendering.pictures.beams import beam_tree_picture
from bot.rendering.pictures.stages import stages_picture
from bot.rendering.pictures.xray import xray_picture
from bot.terminal_io import load, print_footer, print_json, settings_of, text_of, timed

Number = TypeVar("Number", int, float)


def xray(arguments: argparse.Namespace) -> int:
    """Print how much each token of a text surprised the model."""
    text = text_of(arguments.text)
    target = picture_target(arguments.png)
    model = load(settings_of(arguments))
    with timed() as seconds:
        result = model.surprisals(text)
    if arguments.json:
        print_json(surprisals_object(result, model.info))
    else:
        print(f"{surprisals_table(result)}\n\n{surprisals_summary(result)}")
        print_footer(model, seconds())
    write_picture(target, xray_picture, result)
    return 0


def compare(arguments: argparse.Namespace) -> int:
    """Print a prompt continued in several ways."""
    settings = settings_of(arguments)
    prompt = text_of(arguments.prompt)
    target = picture_target(arguments.png)
    model = load(settings)
    most = min(DEFAULT_NEW_TOKENS, settings.max_new_tokens, MAX_COMPARED_TOKENS)
    with timed() as seconds:
        result = model.compare(
            prompt,
            _or(arguments.max_new_tokens, most),
            _or(arguments.seed, random.randint(0, MAX_SEED)),
            _or(arguments.num_beams, DEFAULT_NUM_BEAMS),
            _or(arguments.repetition_penalty, DEFAULT_PENALTY),
            lambda: False,
        )
    if arguments.json:
        print_json(comparison_object(result, model.info))
    else:
        print(comparison_table(result))
        print_footer(model, seconds())
    write_picture(target, beam_tree_picture, result)
    return 0


def sampler(arguments: argparse.Namespace) -> int:
    """Print the next token's distribution on its way through the sampler."""
    prompt = text_of(arguments.prompt)
    target = picture_target(arguments.png)
    model = load(settings_of(arguments))
    with timed() as seconds:
        result = model.sampler_stages(
            prompt,
            _or(arguments.temperature, DEFAULT_TEMPERATURE),
            _or(arguments.top_k, DEFAULT_TOP_K),
            _or(arguments.top_p, DEFAULT_TOP_P),
            _or(arguments.repetition_penalty, 1.0),
        )
    if arguments.json:
        print_json(stages_object(result, model.info))
    else:
        print(stages_table(result))
        print_footer(model, seconds())
    write_picture(target, stages_picture, result)
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {"xray": xray, "compare": compare, "sampler": sampler}


def _or(value: Number | None, default: Number) -> Number:
    return default if value is None else value
