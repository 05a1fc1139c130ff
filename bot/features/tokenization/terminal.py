"""`nightword tokenize`: the tokens of a text."""

import argparse

from bot.features.tokenization.picture import token_borders_picture
from bot.features.tokenization.text import whole_tables
from bot.questions.language_model import ModelInfo
from bot.questions.tokenization import Tokenization, TokenizationQuestion
from bot.rendering.json_objects import JsonObject, model_object, token_object
from bot.terminal.ask import ask
from bot.terminal.console import text_of, texts_of
from bot.terminal.options import Commands, add_model_options, add_options, add_outputs


def tokenization_object(result: Tokenization, model: ModelInfo) -> JsonObject:
    """Return the tokens in order."""
    return {
        "command": "tokenize",
        "model": model_object(model),
        "text": result.text,
        "tokens": [token_object(token) for token in result.tokens],
    }


def tokenize(arguments: argparse.Namespace) -> int:
    """Print the tokens of a text."""
    text, other = arguments.text, arguments.compare_with
    text, other = (text_of(text), None) if other is None else texts_of(text, other)
    return ask(
        arguments,
        TokenizationQuestion(text, other),
        to_json=lambda both, model: [tokenization_object(result, model) for result in both if result is not None],
        to_text=lambda both, _: whole_tables(both),
        draw=lambda both: token_borders_picture(*both),
        has_footer=False,
    )


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("tokenize", help="the tokens of a text and their ids")
    add_options(parser, "tokenize")
    add_model_options(parser)
    add_outputs(parser, "the tokens in boxes")
    parser.set_defaults(run=tokenize)
