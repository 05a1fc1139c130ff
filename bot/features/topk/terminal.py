"""`nightword topk`: the most probable next tokens, as a table, JSON or a picture."""

import argparse

from bot.errors import UsageError
from bot.features.topk.text import candidates_table, path_table
from bot.questions.language_model import ModelInfo
from bot.questions.tokens import NextTokens
from bot.questions.topk import TopKQuestion, Walk
from bot.rendering.json_objects import JsonObject, candidate_object, model_object, token_object
from bot.rendering.pictures.candidates import candidates_picture
from bot.rendering.tables import next_tokens_table
from bot.terminal.console import load, print_footer, print_json, settings_of, text_of, timed
from bot.terminal.options import TEXT_HELP, Commands, add_model_options, add_outputs, ids_list, whole_number
from bot.terminal.picture_file import picture_target, write_picture


def next_tokens_object(result: NextTokens, model: ModelInfo) -> JsonObject:
    """Return the next-token distribution, best first."""
    return {
        "command": "topk",
        "model": model_object(model),
        "prompt": result.prompt,
        "input_ids": list(result.input_ids),
        "tokens": [
            {
                "rank": candidate.rank,
                "id": candidate.token.id,
                "token": candidate.token.text,
                "logit": candidate.logit,
                "probability": candidate.probability,
            }
            for candidate in result.candidates
        ],
    }


def walk_object(result: Walk, model: ModelInfo) -> JsonObject:
    """Return a walk's steps and what can come next, with the model's own probabilities and those at the temperature."""
    return {
        "command": "topk",
        "model": model_object(model),
        "prompt": result.prompt,
        "input_ids": list(result.input_ids),
        "temperature": result.temperature,
        "log_probability": result.log_probability,
        "steps": [
            {**token_object(one.token), "log_probability": one.likelihood.log_probability, "rank": one.likelihood.rank}
            for one in result.steps
        ],
        "tokens": [
            {**candidate_object(one.candidate), "probability_at_temperature": one.probability_at_temperature}
            for one in result.candidates
        ],
    }


def topk(arguments: argparse.Namespace) -> int:
    """Print the most probable next tokens."""
    if arguments.after_ids or arguments.temperature is not None:
        return _walk(arguments)
    prompt = text_of(arguments.prompt)
    target = picture_target(arguments.png)
    model = load(settings_of(arguments))
    with timed() as seconds:
        result = model.answer(TopKQuestion(prompt, arguments.k)).next_tokens
    if arguments.json:
        print_json(next_tokens_object(result, model.info))
    else:
        print(next_tokens_table(result))
        print_footer(model, seconds())
    tokens = [one.token for one in result.candidates]
    probabilities = [one.probability for one in result.candidates]
    write_picture(target, candidates_picture, prompt, tokens, probabilities, result.remainder)
    return 0


def _walk(arguments: argparse.Namespace) -> int:
    """Print what can follow a prompt and the ids after it."""
    prompt = text_of(arguments.prompt)
    target = picture_target(arguments.png)
    model = load(settings_of(arguments))
    temperature = 1.0 if arguments.temperature is None else arguments.temperature
    with timed() as seconds:
        result = model.answer(TopKQuestion(prompt, arguments.k, arguments.after_ids, temperature))
    if arguments.json:
        print_json(walk_object(result, model.info))
    else:
        if result.steps:
            print(f"{path_table(result)}\n")
        print("The text has ended." if result.ended else candidates_table(result))
        print_footer(model, seconds())
    if result.ended and target is not None:
        raise UsageError("--png was not written: the text has ended with the last of --after-ids, and nothing follows.")
    tokens = [one.candidate.token for one in result.candidates]
    probabilities = [one.candidate.probability for one in result.candidates]
    write_picture(target, candidates_picture, prompt, tokens, probabilities, result.remainder, result.steps)
    return 0


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("topk", help="the most probable next tokens")
    parser.add_argument("prompt", help=TEXT_HELP)
    parser.add_argument("-k", type=whole_number(1, None), default=10, help="how many tokens (default 10)")
    parser.add_argument(
        "--after-ids", type=ids_list, default=(), metavar="ID,ID,…", help="tokens that a walk took after the prompt"
    )
    parser.add_argument(
        "--temperature", type=float, metavar="N", help="show the probabilities there too, 0.05 to 5.0 (default 1)"
    )
    add_model_options(parser)
    add_outputs(parser, "the candidates")
    parser.set_defaults(run=topk)
