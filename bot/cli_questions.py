"""The commands that ask a model, as they are written on the command line."""

import argparse
from collections.abc import Callable
from typing import get_args

from bot.cli_options import (
    TEXT_HELP,
    Commands,
    add_generation_options,
    add_model_options,
    add_outputs,
    ids_list,
    whole_number,
)
from bot.questions.generation import RANGES, Strategy


def add_questions(commands: Commands) -> None:
    """Add each command that asks a model; its parsed namespace has a `run` of its own."""
    _add_topk(commands)
    _add_continue(commands)
    _add_sentiment(commands)
    _add_tokenize(commands)
    _add_xray(commands)
    _add_compare(commands)
    _add_sampler(commands)


def _add_topk(commands: Commands) -> None:
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
    parser.set_defaults(run=_terminal("topk"))


def _add_continue(commands: Commands) -> None:
    parser = commands.add_parser("continue", help="let the model write on")
    parser.add_argument("prompt", help=TEXT_HELP)
    parser.add_argument("--strategy", choices=get_args(Strategy), default="greedy", help="default greedy")
    add_generation_options(parser, RANGES)
    add_model_options(parser)
    add_outputs(parser)
    parser.set_defaults(run=_terminal("continue"))


def _add_sentiment(commands: Commands) -> None:
    parser = commands.add_parser("sentiment", help="is a review positive or negative")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("review", nargs="?", help='the review; "-" reads standard input')
    what.add_argument("--lines", metavar="FILE", help='score one review a line; "-" for standard input')
    parser.add_argument("--explain", action="store_true", help="add what each word does, and a calibrated verdict")
    add_model_options(parser)
    add_outputs(parser, "what --explain finds")
    parser.set_defaults(run=_terminal("sentiment"))


def _add_tokenize(commands: Commands) -> None:
    parser = commands.add_parser("tokenize", help="a text as the model reads it")
    parser.add_argument("text", help=TEXT_HELP)
    parser.add_argument("--compare-with", metavar="TEXT", help='a second text, whose tokens are printed below; "-" too')
    add_model_options(parser)
    add_outputs(parser, "the tokens in boxes")
    parser.set_defaults(run=_terminal("tokenize"))


def _add_xray(commands: Commands) -> None:
    parser = commands.add_parser("xray", help="how much each token of a text surprises the model")
    parser.add_argument("text", help=TEXT_HELP)
    add_model_options(parser)
    add_outputs(parser, "the coloured text")
    parser.set_defaults(run=_explorer("xray"))


def _add_compare(commands: Commands) -> None:
    parser = commands.add_parser("compare", help="greedy, sample and beam search side by side")
    parser.add_argument("prompt", help=TEXT_HELP)
    add_generation_options(parser, ("max_new_tokens", "seed", "num_beams", "repetition_penalty"))
    add_model_options(parser)
    add_outputs(parser, "the beam tree")
    parser.set_defaults(run=_explorer("compare"))


def _add_sampler(commands: Commands) -> None:
    parser = commands.add_parser("sampler", help="what each stage of the sampler does to the next token")
    parser.add_argument("prompt", help=TEXT_HELP)
    add_generation_options(parser, ("temperature", "top_k", "top_p", "repetition_penalty"))
    add_model_options(parser)
    add_outputs(parser, "the stages")
    parser.set_defaults(run=_explorer("sampler"))


def _terminal(command: str) -> Callable[[argparse.Namespace], int]:
    def run_command(arguments: argparse.Namespace) -> int:
        from bot import terminal

        return terminal.COMMANDS[command](arguments)

    return run_command


def _explorer(command: str) -> Callable[[argparse.Namespace], int]:
    def run_command(arguments: argparse.Namespace) -> int:
        from bot import explorer_terminal

        return explorer_terminal.COMMANDS[command](arguments)

    return run_command
