"""`nightword contrast`: how the next-token distribution differs after two prompts."""

import argparse

from bot.features.contrast.picture import contrast_picture
from bot.features.contrast.text import figures, movers_table, nothing_moved
from bot.questions.contrast import Contrast, ContrastQuestion
from bot.questions.language_model import ModelInfo
from bot.rendering.json_objects import JsonObject, model_object, token_object
from bot.terminal.ask import ask
from bot.terminal.console import texts_of
from bot.terminal.options import Commands, add_model_options, add_options, add_outputs


def contrast_object(result: Contrast, model: ModelInfo) -> JsonObject:
    """Return the divergences, and the tokens that moved most with their natural-log probabilities."""
    return {
        "command": "contrast",
        "model": model_object(model),
        "a": result.a,
        "b": result.b,
        "kl_a_b_bits": result.kl_a_b_bits,
        "kl_b_a_bits": result.kl_b_a_bits,
        "js_bits": result.js_bits,
        "movers": [
            {
                **token_object(mover.token),
                "log_probability_a": mover.log_probability_a,
                "log_probability_b": mover.log_probability_b,
            }
            for mover in result.movers
        ],
    }


def contrast_table(result: Contrast) -> str:
    """Return the tokens that moved most, and the divergences with their meanings."""
    moved = movers_table(result) if result.movers else nothing_moved(result)
    return "\n\n".join([moved, "\n".join(f"{value} {meaning}" for value, meaning in figures(result))])


def contrast(arguments: argparse.Namespace) -> int:
    """Print how the next-token distribution differs after two prompts."""
    return ask(
        arguments,
        ContrastQuestion(*texts_of(arguments.a, arguments.b)),
        to_json=contrast_object,
        to_text=lambda result, _: contrast_table(result),
        draw=contrast_picture,
    )


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("contrast", help="how two prompts differ in what the model says next")
    add_options(parser, "contrast")
    add_model_options(parser)
    add_outputs(parser, "both distributions")
    parser.set_defaults(run=contrast)
