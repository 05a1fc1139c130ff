"""Options that several commands have, and the parser of them all."""

import argparse
from collections.abc import Callable, Iterable
from typing import NoReturn, TypeAlias, TypeVar, get_args

from bot.errors import UsageError
from bot.questions.generation import DEFAULTS, RANGES, STRATEGY_OF
from bot.settings import DType

TEXT_HELP = 'the text; "-" reads standard input, without a byte order mark; after "--" where it begins with a dash'
Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
Number = TypeVar("Number", int, float)


class Parser(argparse.ArgumentParser):
    """Raises UsageError where argparse would print the usage and exit."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise UsageError(f"{message}. See {self.prog} --help")


def add_generation_options(parser: argparse.ArgumentParser, options: Iterable[str]) -> None:
    """Add some of the options of Hugging Face's `generate`, with their ranges and defaults."""
    for option in options:
        smallest, largest = RANGES[option]
        kind = float if isinstance(largest, float) else int
        owner = f"{STRATEGY_OF[option]} only: " if option in STRATEGY_OF else ""
        parser.add_argument(
            "--" + option.replace("_", "-"),
            type=kind,
            metavar="N",
            help=f"{owner}{smallest:,} to {largest:,} (default {DEFAULTS[option]})",
        )


def add_model_options(parser: argparse.ArgumentParser, fallback: str = "Qwen/Qwen2-0.5B") -> None:
    """Add the options that choose the model."""
    parser.add_argument("--model", help=f'hub id, local folder, or "demo" (default: BOT_MODEL, else {fallback})')
    parser.add_argument("--dtype", choices=get_args(DType), help="default: BOT_DTYPE, else float32")


def add_outputs(parser: argparse.ArgumentParser, picture: str | None = None) -> None:
    """Add the option for programs, and one for a file with the picture of what is named, where there is one."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    if picture is not None:
        parser.add_argument("--png", metavar="FILE", help=f"write {picture} as a picture, too: a .png file")


def whole_number(smallest: int, largest: int | None) -> Callable[[str], int]:
    """Return what reads a whole number in that range."""
    allowed = f"at least {smallest}" if largest is None else f"from {smallest} to {largest}"

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number: it must be {allowed}") from None
        if number < smallest or (largest is not None and number > largest):
            raise argparse.ArgumentTypeError(f"{number} is not allowed, it must be {allowed}")
        return number

    return parse


def ids_list(text: str) -> tuple[int, ...]:
    """Read ids with commas between them."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of ids: write numbers with commas, 12,345") from None


def _or(value: Number | None, default: Number) -> Number:
    return default if value is None else value
