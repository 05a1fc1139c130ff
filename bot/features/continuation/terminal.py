"""`nightword continue`: what the model writes after a prompt."""

import argparse
import sys
from typing import get_args

from bot.questions.continuation import Continuation, ContinuationQuestion
from bot.questions.generation import RANGES, GenerationParameters, Strategy
from bot.questions.language_model import ModelInfo
from bot.rendering.escaping import visible_text
from bot.rendering.json_objects import JsonObject, model_object
from bot.terminal.console import emphasis, is_styled, load, print_footer, print_json, settings_of, text_of, timed
from bot.terminal.options import TEXT_HELP, Commands, add_generation_options, add_model_options, add_outputs


def continuation_object(result: Continuation, model: ModelInfo) -> JsonObject:
    """Return the continuation: new ids only, and the text that they add."""
    return {
        "command": "continue",
        "model": model_object(model),
        "prompt": result.prompt,
        "parameters": result.parameters.used(),
        "input_ids": list(result.input_ids),
        "output_ids": list(result.output_ids),
        "text": result.text,
        "finish_reason": result.finish_reason,
    }


def continue_(arguments: argparse.Namespace) -> int:
    """Print what the model writes on."""
    settings = settings_of(arguments)
    prompt = text_of(arguments.prompt)
    parameters = GenerationParameters.from_options(
        strategy=arguments.strategy,
        max_new_tokens=arguments.max_new_tokens,
        temperature=arguments.temperature,
        top_k=arguments.top_k,
        top_p=arguments.top_p,
        num_beams=arguments.num_beams,
        repetition_penalty=arguments.repetition_penalty,
        seed=arguments.seed,
        max_new_tokens_limit=settings.max_new_tokens,
    )
    model = load(settings)
    with timed() as seconds:
        result = model.answer(ContinuationQuestion(prompt, parameters))
    if arguments.json:
        print_json(continuation_object(result, model.info))
        return 0
    shown = visible_text(prompt)
    print(f"{shown}{emphasis(visible_text(result.text))}\n")
    if not is_styled(sys.stdout):  # nothing else says where the prompt ends
        print(f"The first {len(shown):,} characters are the prompt, the rest was written by the model.")
    print(" ".join(f"{name}={value}" for name, value in parameters.used().items()))
    count, speed = len(result.output_ids), len(result.output_ids) / seconds()
    print(f"{count} new tokens, finish_reason={result.finish_reason}, {speed:.1f} tokens/s")
    print_footer(model, seconds())
    return 0


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("continue", help="let the model write on")
    parser.add_argument("prompt", help=TEXT_HELP)
    parser.add_argument("--strategy", choices=get_args(Strategy), default="greedy", help="default greedy")
    add_generation_options(parser, RANGES)
    add_model_options(parser)
    add_outputs(parser)
    parser.set_defaults(run=continue_)
