"""`nightword tokenize`: the tokens of a text."""

import argparse

from bot.errors import UsageError
from bot.features.tokenization.picture import token_borders_picture
from bot.features.tokenization.text import tokens_table
from bot.questions.language_model import ModelInfo
from bot.questions.tokenization import Tokenization, TokenizationQuestion
from bot.rendering.json_objects import JsonObject, model_object
from bot.terminal.console import load, print_json, settings_of, text_of
from bot.terminal.options import TEXT_HELP, Commands, add_model_options, add_outputs
from bot.terminal.picture_file import picture_target, write_picture


def tokenization_object(result: Tokenization, model: ModelInfo) -> JsonObject:
    """Return the tokens in order."""
    return {
        "command": "tokenize",
        "model": model_object(model),
        "text": result.text,
        "tokens": [{"id": token.id, "token": token.text} for token in result.tokens],
    }


def tokenize(arguments: argparse.Namespace) -> int:
    """Print the tokens of a text."""
    if arguments.text == arguments.compare_with == "-":
        raise UsageError("Only one of the two texts can come from standard input. Write the other on the command line.")
    text = text_of(arguments.text)
    other = None if arguments.compare_with is None else text_of(arguments.compare_with)
    target = picture_target(arguments.png)
    model = load(settings_of(arguments))
    both = model.answer(TokenizationQuestion(text, other))
    results = [one for one in both if one is not None]
    if arguments.json:
        for result in results:
            print_json(tokenization_object(result, model.info))
    else:
        tables = (f"{tokens_table(result.tokens)}\n\n{[token.id for token in result.tokens]}" for result in results)
        print("\n\n".join(tables))
    write_picture(target, token_borders_picture, *results)
    return 0


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("tokenize", help="a text as the model reads it")
    parser.add_argument("text", help=TEXT_HELP)
    parser.add_argument("--compare-with", metavar="TEXT", help='a second text, whose tokens are printed below; "-" too')
    add_model_options(parser)
    add_outputs(parser, "the tokens in boxes")
    parser.set_defaults(run=tokenize)
