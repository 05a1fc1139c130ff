"""`nightword topk`: the most probable next tokens, as a table, JSON or a picture."""

import argparse

from bot.features.topk.picture import walk_picture
from bot.features.topk.text import walk_tables
from bot.questions.language_model import ModelInfo
from bot.questions.tokens import NextTokens
from bot.questions.topk import TopKQuestion, Walk
from bot.rendering.json_objects import JsonObject, candidate_object, model_object, token_object
from bot.rendering.tables import next_tokens_table
from bot.terminal.ask import ask
from bot.terminal.console import text_of
from bot.terminal.options import Commands, add_model_options, add_options, add_outputs


def next_tokens_object(result: NextTokens, model: ModelInfo) -> JsonObject:
    """Return the next-token distribution, best first."""
    return {
        "command": "topk",
        "model": model_object(model),
        "prompt": result.prompt,
        "input_ids": list(result.input_ids),
        "tokens": [candidate_object(candidate) for candidate in result.candidates],
    }


def walk_object(result: Walk, model: ModelInfo) -> JsonObject:
    """Return a walk's steps and candidates, with the probabilities at temperature 1 and at the walk's temperature."""
    return {
        "command": "topk",
        "model": model_object(model),
        "prompt": result.prompt,
        "input_ids": list(result.input_ids),
        "temperature": result.temperature,
        "log_probability": result.log_probability,
        "steps": [
            {
                **token_object(step.token),
                "log_probability": step.likelihood.log_probability,
                "rank": step.likelihood.rank,
            }
            for step in result.steps
        ],
        "tokens": [
            {**candidate_object(entry.candidate), "probability_at_temperature": entry.probability_at_temperature}
            for entry in result.candidates
        ],
    }


def topk(arguments: argparse.Namespace) -> int:
    """Print the most probable next tokens after the prompt and any --after-ids."""
    prompt = text_of(arguments.prompt)
    question = TopKQuestion.from_options(prompt, arguments.k, arguments.after_ids, arguments.temperature)
    if arguments.after_ids or arguments.temperature is not None:
        return ask(
            arguments, question, to_json=walk_object, to_text=lambda walk, _: walk_tables(walk), draw=walk_picture
        )
    return ask(
        arguments,
        question,
        to_json=lambda result, model: next_tokens_object(result.next_tokens, model),
        to_text=lambda result, _: next_tokens_table(result.next_tokens),
        draw=walk_picture,
    )


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("topk", help="the most probable next tokens")
    add_options(parser, "topk")
    add_model_options(parser)
    add_outputs(parser, "the candidates")
    parser.set_defaults(run=topk)
