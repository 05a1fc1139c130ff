"""`nightword continue`: what the model writes after a prompt."""

import argparse
import sys

from bot.features.continuation.picture import continuation_picture
from bot.questions.continuation import Continuation, ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import ModelInfo, RunInfo
from bot.questions.options import RANGES
from bot.questions.tokens import ScoredToken
from bot.rendering.escaping import visible_text
from bot.rendering.json_objects import JsonObject, model_object, token_object
from bot.terminal.ask import ask
from bot.terminal.console import emphasis, is_styled, settings_of, text_of
from bot.terminal.options import Commands, add_model_options, add_options, add_outputs


def continuation_object(result: Continuation, model: ModelInfo) -> JsonObject:
    """Return the continuation, with only the new ids and text, and each token's probability and alternatives."""
    return {
        "command": "continue",
        "model": model_object(model),
        "prompt": result.prompt,
        "parameters": result.parameters.used(),
        "input_ids": list(result.input_ids),
        "output_ids": list(result.output_ids),
        "text": result.text,
        "finish_reason": result.finish_reason,
        "tokens": [
            {**_token_object(token), "alternatives": [_token_object(other) for other in token.others]}
            for token in result.tokens
        ],
    }


def _token_object(token: ScoredToken) -> JsonObject:
    return {**token_object(token.token), "probability": token.probability}


def continue_(arguments: argparse.Namespace) -> int:
    """Print a continuation of the prompt."""
    settings = settings_of(arguments)
    prompt = text_of(arguments.prompt)
    parameters = GenerationParameters.from_options(
        strategy=arguments.strategy,
        max_new_tokens_limit=settings.max_new_tokens,
        **{name: getattr(arguments, name) for name in RANGES},
    )
    question = ContinuationQuestion(prompt, parameters)
    return ask(
        arguments, question, to_json=continuation_object, to_text=_text, draw=continuation_picture, settings=settings
    )


def _text(result: Continuation, run: RunInfo) -> str:
    shown = visible_text(result.prompt)
    lines = [f"{shown}{emphasis(visible_text(result.text))}\n"]
    if not is_styled(sys.stdout):  # without bold, nothing shows where the prompt ends
        lines.append(f"The first {len(shown):,} characters are the prompt; the model wrote the rest.")
    lines.append(" ".join(f"{name}={value}" for name, value in result.parameters.used().items()))
    count, speed = len(result.output_ids), len(result.output_ids) / run.seconds
    lines.append(f"{count} new tokens, finish_reason={result.finish_reason}, {speed:.1f} tokens/s")
    return "\n".join(lines)


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("continue", help="let the model continue a text")
    add_options(parser, "continue")
    add_model_options(parser)
    add_outputs(parser, "the tokens coloured by their probability")
    parser.set_defaults(run=continue_)
