"""The command line: its parsers, and how an error becomes one line and an exit code."""

import argparse
import contextlib
import errno
import io
import os
import sys
from collections.abc import Sequence

from bot import __version__
from bot.errors import EXIT_FAILURE, BotError
from bot.features import feature_modules
from bot.settings import read_settings
from bot.terminal.options import Commands, Parser, add_model_options, add_outputs, whole_number

EXIT_INTERRUPTED = 130


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Errors are printed as one line on standard error."""
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
        if error.errno != errno.EPIPE:  # a closed pipe, as with `| head`, is not reported
            print(f"nightword: can't write the output: {error.strerror}.", file=sys.stderr)
        # Otherwise the interpreter would try again when it exits.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILURE


def _run(arguments: Sequence[str]) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for terminals without UTF-8
    parsed = build_parser().parse_args(arguments)
    code: int = parsed.run(parsed)
    if sys.stdout is not None:
        sys.stdout.flush()  # a closed pipe is noticed here, not at the interpreter's exit
    return code


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands. Each parsed namespace has a `run` that executes its command."""
    parser = Parser(prog="nightword", description="Explore a small language model, on Discord or in this terminal.")
    parser.add_argument("--version", action="version", version=f"nightword {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_run(commands)
    _add_doctor(commands)
    _add_health(commands)
    _add_backup(commands)
    _add_playground(commands)
    _add_bench(commands)
    for module in feature_modules("terminal"):
        module.add_parser(commands)
    return parser


def _add_run(commands: Commands) -> None:
    parser = commands.add_parser("run", help="run the bot on Discord; needs DISCORD_TOKEN")
    add_model_options(parser)
    parser.set_defaults(run=_run_service)


def _add_doctor(commands: Commands) -> None:
    parser = commands.add_parser(
        "doctor", help="check everything that the bot needs, and say how to fix what is missing"
    )
    add_model_options(parser)
    parser.set_defaults(run=_run_doctor)


def _add_health(commands: Commands) -> None:
    parser = commands.add_parser("health", help="check whether a running bot is healthy; reads BOT_HEARTBEAT_FILE")
    parser.set_defaults(run=_run_health)


def _add_backup(commands: Commands) -> None:
    parser = commands.add_parser("backup", help="back up the database, even while the bot runs; reads BOT_DATABASE_URL")
    parser.add_argument("file", metavar="FILE", help="the new file; an existing file is not overwritten")
    parser.set_defaults(run=_run_backup)


def _add_playground(commands: Commands) -> None:
    parser = commands.add_parser("playground", help="try the bot in a simulated Discord, on a web page on this machine")
    parser.add_argument(
        "--port", type=whole_number(0, 65535), default=8765, help="port of the page (default 8765; 0 picks a free one)"
    )
    parser.add_argument(
        "--channel",
        choices=("playground", "reviews", "moderators"),
        default="playground",
        help="channel that the page shows (default playground)",
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    add_model_options(parser, fallback="demo")
    parser.set_defaults(run=_run_playground)


def _add_bench(commands: Commands) -> None:
    parser = commands.add_parser("bench", help="measure how fast the model answers one person and many")
    parser.add_argument(
        "--concurrency", default="1,8,16", metavar="N,N,…", help="numbers of simultaneous users (default 1,8,16)"
    )
    parser.add_argument(
        "--prompt-words", default="30", metavar="N,N,…", help="lengths of the prompts, in words (default 30)"
    )
    parser.add_argument(
        "--new-tokens", type=whole_number(1, 256), default=32, help="new tokens for each user (default 32)"
    )
    parser.add_argument(
        "--reviews", type=whole_number(0, 256), default=32, help="reviews to score at once (default 32)"
    )
    parser.add_argument(
        "--rounds", type=whole_number(1, 100), default=3, help="rounds, whose median is shown (default 3)"
    )
    parser.add_argument(
        "--no-waiting", action="store_true", help="don't measure new requests beside others and estimated waits"
    )
    add_model_options(parser)
    add_outputs(parser)
    parser.set_defaults(run=_run_bench)


def _run_service(arguments: argparse.Namespace) -> int:
    from bot.app import service

    return service.run(arguments)


def _run_doctor(arguments: argparse.Namespace) -> int:
    from bot.cli import doctor

    return doctor.run(arguments)


def _run_bench(arguments: argparse.Namespace) -> int:
    from bot.cli import bench

    return bench.run(arguments)


def _run_health(_: argparse.Namespace) -> int:
    from bot.app import health

    health.check(read_settings().heartbeat_file)
    print("healthy")
    return 0


def _run_backup(arguments: argparse.Namespace) -> int:
    from bot.cli import backup

    return backup.run(arguments)


def _run_playground(arguments: argparse.Namespace) -> int:
    from bot.cli import playground

    return playground.run(arguments)


def _one_line(error: BotError) -> str:
    return " ".join(str(error).split())
