"""`nightword compare`: a prompt continued in several ways."""

import argparse
import random

from bot.features.comparison.picture import beam_tree_picture
from bot.questions.comparison import DEFAULT_PENALTY, MAX_COMPARED_TOKENS, BeamCandidate, Comparison, ComparisonQuestion
from bot.questions.generation import DEFAULT_NEW_TOKENS, DEFAULT_NUM_BEAMS, MAX_SEED
from bot.questions.language_model import ModelInfo
from bot.rendering.escaping import visible_text
from bot.rendering.json_objects import JsonObject, model_object, token_object
from bot.rendering.tables import table
from bot.terminal.console import load, print_footer, print_json, settings_of, text_of, timed
from bot.terminal.options import TEXT_HELP, Commands, _or, add_generation_options, add_model_options, add_outputs
from bot.terminal.picture_file import picture_target, write_picture


def comparison_object(result: Comparison, model: ModelInfo) -> JsonObject:
    """Return each text with its scores, and the beam tree of the search without penalty."""
    return {
        "command": "compare",
        "model": model_object(model),
        "prompt": result.prompt,
        "input_ids": list(result.texts[0].continuation.input_ids),
        "texts": [
            {
                "name": one.name,
                "parameters": one.continuation.parameters.used(),
                "output_ids": list(one.continuation.output_ids),
                "text": one.continuation.text,
                "finish_reason": one.continuation.finish_reason,
                "log_probability": one.log_probability,
                "mean_log_probability": one.mean_log_probability,
                "search_score": one.search_score,
                "distinct_share": one.distinct_share,
            }
            for one in result.texts
        ],
        "tree": {
            "num_beams": result.tree.num_beams,
            "winner": list(result.tree.winner),
            "steps": [[_beam(one) for one in step.candidates] for step in result.tree.steps],
        },
    }


def _beam(one: BeamCandidate) -> JsonObject:
    return {
        "parent": one.parent,
        **token_object(one.token),
        "log_probability": one.log_probability,
        "score": one.score,
        "fate": one.fate,
        "row": one.row,
    }


def comparison_table(result: Comparison) -> str:
    """Return each text's scores, natural logarithms, and then the texts."""
    rows = [
        (
            f"{one.log_probability:.3f}",
            f"{one.mean_log_probability:.3f}",
            "–" if one.search_score is None else f"{one.search_score:.3f}",
            str(len(one.continuation.output_ids)),
            f"{one.distinct_share:.0%}",
            one.name,
        )
        for one in result.texts
    ]
    header = ("log-prob.", "mean", "search", "tokens", "distinct", "strategy")
    texts = [f"{one.name}\n{visible_text(result.prompt + one.continuation.text)}" for one in result.texts]
    seeds = [one.continuation.parameters.seed for one in result.texts if one.continuation.parameters.seed is not None]
    return "\n\n".join([table(header, rows, right=range(5)), *texts, f"seed={seeds[0]}"])


def compare(arguments: argparse.Namespace) -> int:
    """Print a prompt continued in several ways."""
    settings = settings_of(arguments)
    prompt = text_of(arguments.prompt)
    target = picture_target(arguments.png)
    model = load(settings)
    most = min(DEFAULT_NEW_TOKENS, settings.max_new_tokens, MAX_COMPARED_TOKENS)
    with timed() as seconds:
        question = ComparisonQuestion(
            prompt,
            _or(arguments.max_new_tokens, most),
            _or(arguments.seed, random.randint(0, MAX_SEED)),
            _or(arguments.num_beams, DEFAULT_NUM_BEAMS),
            _or(arguments.repetition_penalty, DEFAULT_PENALTY),
        )
        result = model.answer(question)
    if arguments.json:
        print_json(comparison_object(result, model.info))
    else:
        print(comparison_table(result))
        print_footer(model, seconds())
    write_picture(target, beam_tree_picture, result)
    return 0


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("compare", help="greedy, sample and beam search side by side")
    parser.add_argument("prompt", help=TEXT_HELP)
    add_generation_options(parser, ("max_new_tokens", "seed", "num_beams", "repetition_penalty"))
    add_model_options(parser)
    add_outputs(parser, "the beam tree")
    parser.set_defaults(run=compare)
