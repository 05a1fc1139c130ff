"""`nightword xray`: the surprisal of each token of a text."""

import argparse

from bot.features.xray.picture import xray_picture
from bot.features.xray.text import surprisals_table
from bot.questions.language_model import ModelInfo
from bot.questions.xray import Surprisals, XrayQuestion
from bot.rendering.escaping import visible_token
from bot.rendering.json_objects import JsonObject, candidate_object, model_object, token_object
from bot.rendering.tables import percentage
from bot.terminal.ask import ask
from bot.terminal.console import text_of
from bot.terminal.options import Commands, add_model_options, add_options, add_outputs


def surprisals_object(result: Surprisals, model: ModelInfo) -> JsonObject:
    """Return each token with its natural-log probability, rank and surprisal in bits; null for the first.

    The figures of the whole text leave out special tokens. The perplexity is null beyond 1e304.
    """
    return {
        "command": "xray",
        "model": model_object(model),
        "text": result.text,
        "perplexity": result.perplexity,
        "bits_per_character": result.bits_per_character,
        "most_surprising": list(result.most_surprising()),
        "tokens": [
            {
                **token_object(entry.token),
                "log_probability": None if entry.likelihood is None else entry.likelihood.log_probability,
                "rank": None if entry.likelihood is None else entry.likelihood.rank,
                "surprisal": None if entry.likelihood is None else entry.likelihood.surprisal,
                "special": entry.is_special,
                "favourites": [candidate_object(candidate) for candidate in entry.favourites],
            }
            for entry in result.tokens
        ],
    }


def surprisals_summary(result: Surprisals) -> str:
    """Return the perplexity, the bits per character, and the most surprising tokens with what was expected."""
    perplexity = "over 1e+304" if result.perplexity is None else f"{result.perplexity:.2f}"
    aside = ", special tokens not counted" if any(entry.is_special for entry in result.tokens[1:]) else ""
    lines = [f"perplexity {perplexity}, {result.bits_per_character:.2f} bits per character{aside}"]
    for position in result.most_surprising():
        entry = result.tokens[position]
        favourite = entry.favourites[0]
        if entry.likelihood is not None and entry.likelihood.rank > 1:
            expected = f"{visible_token(favourite.token.text)} ({percentage(favourite.probability)})"
            lines.append(
                f"#{position + 1} {visible_token(entry.token.text)}: {entry.likelihood.surprisal:.1f} bits, "
                f"rank {entry.likelihood.rank:,}; expected {expected}"
            )
    return "\n".join(lines)


def xray(arguments: argparse.Namespace) -> int:
    """Print the surprisal of each token of a text."""
    return ask(
        arguments,
        XrayQuestion(text_of(arguments.text)),
        to_json=surprisals_object,
        to_text=lambda result, _: f"{surprisals_table(result)}\n\n{surprisals_summary(result)}",
        draw=xray_picture,
    )


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("xray", help="the surprisal of each token of a text")
    add_options(parser, "xray")
    add_model_options(parser)
    add_outputs(parser, "the coloured text")
    parser.set_defaults(run=xray)
