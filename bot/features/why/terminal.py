"""`nightword why`: which words of the prompt make one token more probable than another."""

import argparse

from bot.errors import UsageError
from bot.features.why.picture import why_picture
from bot.features.why.text import NOT_A_CAUSE, TOO_FEW_WORDS, headline, tokens_table, words_table
from bot.questions.language_model import ModelInfo
from bot.questions.why import TokenEvidence, WhyQuestion
from bot.rendering.json_objects import JsonObject, candidate_object, model_object, word_objects
from bot.rendering.pictures.picture import Picture
from bot.terminal.ask import ask
from bot.terminal.console import emphasis, text_of
from bot.terminal.options import Commands, add_model_options, add_options, add_outputs


def why_object(result: TokenEvidence, model: ModelInfo) -> JsonObject:
    """Return both tokens, the difference of their logits, and each word's effect on it."""
    return {
        "command": "why",
        "model": model_object(model),
        "prompt": result.prompt,
        "input_ids": list(result.input_ids),
        "token": candidate_object(result.token),
        "instead_of": candidate_object(result.instead_of),
        "difference": result.difference,
        "words_together": result.words_together,
        "words": word_objects(result.words),
    }


def why_text(result: TokenEvidence) -> str:
    """Return the headline, both tokens, and each word in order with its effect."""
    parts = [emphasis(headline(result)), tokens_table(result)]
    if not result.words:
        return "\n\n".join([*parts, TOO_FEW_WORDS])
    return "\n\n".join([*parts, words_table(result), NOT_A_CAUSE])


def why(arguments: argparse.Namespace) -> int:
    """Print which words of the prompt make one token more probable than another."""
    question = WhyQuestion(text_of(arguments.prompt), arguments.token, arguments.instead_of)
    return ask(arguments, question, to_json=why_object, to_text=lambda result, _: why_text(result), draw=_picture)


def _picture(result: TokenEvidence) -> Picture:
    picture = why_picture(result)
    if picture is None:
        raise UsageError(f"The picture of --png was not written. {TOO_FEW_WORDS} Add a word, or remove --png.")
    return picture


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("why", help="why one token comes next and not another: the effect of each word")
    add_options(parser, "why")
    add_model_options(parser)
    add_outputs(parser, "the words coloured by their effect")
    parser.set_defaults(run=why)
