"""The command line: what can be written on it, and the one line that an error becomes."""

import argparse
import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import get_args

from bot import __version__
from bot.cli_options import (
    TEXT_HELP,
    Commands,
    Parser,
    add_generation_options,
    add_model_options,
    add_outputs,
    ids_list,
    whole_number,
)
from bot.errors import EXIT_FAILURE, BotError
from bot.inference.generation_parameters import RANGES, Strategy
from bot.settings import read_settings

EXIT_INTERRUPTED = 130


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; an error is one line on standard error."""
    try:
        return _run(arguments)
    except BotError as error:
        print(f"nightword: {_one_line(error)}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EIO):
            raise
        if error.errno != errno.EPIPE:  # a reader that has gone, as with `| head`, is no news
            print(f"nightword: the output cannot be written: {error.strerror}.", file=sys.stderr)
        # Keep the interpreter from trying again at its end.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILURE


def _run(arguments: Sequence[str]) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 shows what it can
    parsed = build_parser().parse_args(arguments)
    code: int = parsed.run(parsed)
    if sys.stdout is not None:
        sys.stdout.flush()  # a reader that has gone is noticed here, not at the interpreter's exit
    return code


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; each parsed namespace has a `run` of its own."""
    parser = Parser(prog="nightword", description="Look into a small language model, in Discord or right here.")
    parser.add_argument("--version", action="version", version=f"nightword {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_run(commands)
    _add_doctor(commands)
    _add_health(commands)
    _add_backup(commands)
    _add_playground(commands)
    _add_bench(commands)
    _add_topk(commands)
    _add_continue(commands)
    _add_sentiment(commands)
    _add_tokenize(commands)
    _add_xray(commands)
    _add_compare(commands)
    _add_sampler(commands)
    return parser


def _add_run(commands: Commands) -> None:
    parser = commands.add_parser("run", help="run the bot on Discord; needs DISCORD_TOKEN")
    add_model_options(parser)
    parser.set_defaults(run=_run_service)


def _add_doctor(commands: Commands) -> None:
    parser = commands.add_parser("doctor", help="look at everything that the bot needs, and say what to do")
    add_model_options(parser)
    parser.set_defaults(run=_run_doctor)


def _add_health(commands: Commands) -> None:
    parser = commands.add_parser("health", help="is a running bot doing its work? Reads BOT_HEARTBEAT_FILE")
    parser.set_defaults(run=_run_health)


def _add_backup(commands: Commands) -> None:
    parser = commands.add_parser("backup", help="copy the database, also while the bot runs; reads BOT_DATABASE_URL")
    parser.add_argument("file", metavar="FILE", help="where to; a file that is there is not overwritten")
    parser.set_defaults(run=_run_backup)


def _add_playground(commands: Commands) -> None:
    parser = commands.add_parser("playground", help="try the bot in a simulated Discord, a page on this machine")
    parser.add_argument("--port", type=whole_number(0, 65535), default=8765, help="default 8765; 0 takes a free one")
    parser.add_argument(
        "--channel",
        choices=("playground", "reviews", "moderators"),
        default="playground",
        help="which channel the page shows",
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    add_model_options(parser, fallback="demo")
    parser.set_defaults(run=_run_playground)


def _add_bench(commands: Commands) -> None:
    parser = commands.add_parser("bench", help="how fast the model answers one person and many")
    parser.add_argument("--concurrency", default="1,8,16", metavar="N,N,…", help="people at once (default 1,8,16)")
    parser.add_argument("--new-tokens", type=whole_number(1, 256), default=32, help="for each (default 32)")
    parser.add_argument("--reviews", type=whole_number(0, 256), default=32, help="to score at once (default 32)")
    add_model_options(parser)
    add_outputs(parser)
    parser.set_defaults(run=_run_bench)


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
    what.add_argument("review", nargs="?", help='the review, or "-" for standard input')
    what.add_argument("--lines", metavar="FILE", help='score one review a line; "-" for standard input')
    parser.add_argument("--explain", action="store_true", help="add what each word does, and a calibrated verdict")
    add_model_options(parser)
    add_outputs(parser, "what --explain finds")
    parser.set_defaults(run=_terminal("sentiment"))


def _add_tokenize(commands: Commands) -> None:
    parser = commands.add_parser("tokenize", help="a text as the model reads it")
    parser.add_argument("text", help=TEXT_HELP)
    parser.add_argument("--compare-with", metavar="TEXT", help="a second text, whose tokens are printed below")
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


def _run_service(arguments: argparse.Namespace) -> int:
    from bot import service

    return service.run(arguments)


def _run_doctor(arguments: argparse.Namespace) -> int:
    from bot import doctor

    return doctor.run(arguments)


def _run_bench(arguments: argparse.Namespace) -> int:
    from bot import benchmark

    return benchmark.run(arguments)


def _run_health(_: argparse.Namespace) -> int:
    from bot import heartbeat

    heartbeat.check(read_settings().heartbeat_file)
    print("healthy")
    return 0


def _run_backup(arguments: argparse.Namespace) -> int:
    from bot import backup

    return backup.run(arguments)


def _run_playground(arguments: argparse.Namespace) -> int:
    from bot import playground

    return playground.run(arguments)


def _one_line(error: BotError) -> str:
    return " ".join(str(error).split())
