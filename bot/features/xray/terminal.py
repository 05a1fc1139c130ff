"""`nightword xray`: how much each token of a text surprised the model."""

import argparse

from bot.features.xray.picture import xray_picture
from bot.questions.language_model import ModelInfo
from bot.questions.xray import Surprisals, XrayQuestion
from bot.rendering.escaping import visible_token
from bot.rendering.json_objects import JsonObject, candidate_object, model_object, token_object
from bot.rendering.tables import percentage, table
from bot.terminal.ask import ask
from bot.terminal.console import text_of
from bot.terminal.options import Commands, add_model_options, add_options, add_outputs


def surprisals_object(result: Surprisals, model: ModelInfo) -> JsonObject:
    """Return each token with its natural-log probability, rank and surprisal in bits, null for the first.

    Special tokens are in none of the figures of the whole text. The perplexity is null beyond 1e304.
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
                **token_object(one.token),
                "log_probability": None if one.likelihood is None else one.likelihood.log_probability,
                "rank": None if one.likelihood is None else one.likelihood.rank,
                "surprisal": None if one.likelihood is None else one.likelihood.surprisal,
                "special": one.is_special,
                "favourites": [candidate_object(candidate) for candidate in one.favourites],
            }
            for one in result.tokens
        ],
    }


def surprisals_table(result: Surprisals, columns: int | None = None) -> str:
    """Return each token with its rank, its surprisal in bits and its probability, "–" for the first."""
    rows = []
    for one in result.tokens:
        found = one.likelihood
        cells = ("–", "–", "–") if found is None else _likelihood(found.rank, found.surprisal, found.probability)
        rows.append((*cells, visible_token(one.token.text)))
    return table(("rank", "bits", "prob.", "token"), rows, right=(0, 1, 2), columns=columns)


def surprisals_summary(result: Surprisals) -> str:
    """Return perplexity and bits per character, and what surprised most with the model's favourite in its place."""
    perplexity = "over 1e+304" if result.perplexity is None else f"{result.perplexity:.2f}"
    aside = ", special tokens not counted" if any(one.is_special for one in result.tokens[1:]) else ""
    lines = [f"perplexity {perplexity}, {result.bits_per_character:.2f} bits per character{aside}"]
    for position in result.most_surprising():
        one = result.tokens[position]
        favourite = one.favourites[0]
        if one.likelihood is not None and one.likelihood.rank > 1:
            expected = f"{visible_token(favourite.token.text)} ({percentage(favourite.probability)})"
            lines.append(
                f"#{position + 1} {visible_token(one.token.text)}: {one.likelihood.surprisal:.1f} bits, "
                f"rank {one.likelihood.rank:,}; expected {expected}"
            )
    return "\n".join(lines)


def _likelihood(rank: int, surprisal: float, probability: float) -> tuple[str, str, str]:
    return f"{rank:,}", f"{surprisal:.2f}", percentage(probability)


def xray(arguments: argparse.Namespace) -> int:
    """Print how much each token of a text surprised the model."""
    return ask(
        arguments,
        XrayQuestion(text_of(arguments.text)),
        to_json=surprisals_object,
        to_text=lambda result, _: f"{surprisals_table(result)}\n\n{surprisals_summary(result)}",
        draw=xray_picture,
    )


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("xray", help="how much each token of a text surprises the model")
    add_options(parser, "xray")
    add_model_options(parser)
    add_outputs(parser, "the coloured text")
    parser.set_defaults(run=xray)
