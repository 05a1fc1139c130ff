"""`nightword compare`: a prompt continued with several strategies."""

import argparse

from bot.features.comparison.picture import beam_tree_picture
from bot.questions.comparison import BeamCandidate, Comparison, ComparisonQuestion
from bot.questions.language_model import ModelInfo
from bot.rendering.escaping import visible_text
from bot.rendering.json_objects import JsonObject, model_object, token_object
from bot.rendering.tables import table
from bot.terminal.ask import ask
from bot.terminal.console import settings_of, text_of
from bot.terminal.options import Commands, add_model_options, add_options, add_outputs


def comparison_object(result: Comparison, model: ModelInfo) -> JsonObject:
    """Return each text with its scores, and the beam tree of the search without penalty."""
    return {
        "command": "compare",
        "model": model_object(model),
        "prompt": result.prompt,
        "input_ids": list(result.texts[0].continuation.input_ids),
        "texts": [
            {
                "name": text.name,
                "parameters": text.continuation.parameters.used(),
                "output_ids": list(text.continuation.output_ids),
                "text": text.continuation.text,
                "finish_reason": text.continuation.finish_reason,
                "log_probability": text.log_probability,
                "mean_log_probability": text.mean_log_probability,
                "search_score": text.search_score,
                "distinct_share": text.distinct_share,
            }
            for text in result.texts
        ],
        "tree": {
            "num_beams": result.tree.num_beams,
            "winner": list(result.tree.winner),
            "steps": [[_beam(candidate) for candidate in step.candidates] for step in result.tree.steps],
        },
    }


def _beam(candidate: BeamCandidate) -> JsonObject:
    return {
        "parent": candidate.parent,
        **token_object(candidate.token),
        "log_probability": candidate.log_probability,
        "score": candidate.score,
        "fate": candidate.fate,
        "row": candidate.row,
    }


def comparison_table(result: Comparison) -> str:
    """Return a table of the scores, as natural logarithms, and then the texts."""
    rows = [
        (
            f"{text.log_probability:.3f}",
            f"{text.mean_log_probability:.3f}",
            "–" if text.search_score is None else f"{text.search_score:.3f}",
            str(len(text.continuation.output_ids)),
            f"{text.distinct_share:.0%}",
            text.name,
        )
        for text in result.texts
    ]
    header = ("log-prob.", "mean", "search", "tokens", "distinct", "strategy")
    texts = [f"{text.name}\n{visible_text(result.prompt + text.continuation.text)}" for text in result.texts]
    seeds = [
        text.continuation.parameters.seed for text in result.texts if text.continuation.parameters.seed is not None
    ]
    return "\n\n".join([table(header, rows, right=range(5)), *texts, f"seed={seeds[0]}"])


def compare(arguments: argparse.Namespace) -> int:
    """Print continuations of a prompt with several strategies."""
    settings = settings_of(arguments)
    question = ComparisonQuestion.from_options(
        text_of(arguments.prompt),
        max_new_tokens=arguments.max_new_tokens,
        seed=arguments.seed,
        num_beams=arguments.num_beams,
        repetition_penalty=arguments.repetition_penalty,
        max_new_tokens_limit=settings.max_new_tokens,
    )
    return ask(
        arguments,
        question,
        to_json=comparison_object,
        to_text=lambda result, _: comparison_table(result),
        draw=beam_tree_picture,
        settings=settings,
    )


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("compare", help="greedy, sampled and beam search continuations side by side")
    add_options(parser, "compare")
    add_model_options(parser)
    add_outputs(parser, "the beam tree")
    parser.set_defaults(run=compare)
