"""The command-line arguments of all commands, and their parser."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeAlias, get_args

from bot.errors import UsageError
from bot.questions.language_model import DType
from bot.questions.options import Option, options_of

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
Arguments: TypeAlias = "argparse.ArgumentParser | argparse._ArgumentGroup"


class Parser(argparse.ArgumentParser):
    """Raises UsageError instead of printing the usage and exiting."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(f"{message}. See {self.prog} --help")


def add_options(parser: argparse.ArgumentParser, command: str) -> None:
    """Add all terminal options of a command."""
    for option in options_of(command, "terminal"):
        add_option(parser, option)


def add_option(parser: Arguments, option: Option) -> None:
    """Add an option. A number that is not given is None; the question checks its range."""
    if option.is_positional:
        parser.add_argument(option.name, nargs=None if option.is_required else "?", help=option.description)
    elif option.placeholders:
        names = option.placeholders
        is_single = len(names) == 1
        parser.add_argument(
            option.flag, action="append", nargs=None if is_single else len(names),
            metavar=names[0] if is_single else names, help=option.description,
        )  # fmt: skip
    elif option.kind is bool:
        parser.add_argument(option.flag, action="store_true", help=option.description)
    elif option.choices:
        parser.add_argument(option.flag, choices=option.choices, default=option.default, help=option.description)
    else:
        parse, metavar = _value_parser(option)
        default = None if option.is_number else option.default
        parser.add_argument(option.flag, type=parse, metavar=metavar, default=default, help=option.description)


def add_model_options(parser: argparse.ArgumentParser, fallback: str = "Qwen/Qwen2-0.5B") -> None:
    """Add the options that choose the model."""
    parser.add_argument(
        "--model", help=f'hub id, local folder, GGUF file, or "demo" (default: BOT_MODEL, else {fallback})'
    )
    parser.add_argument("--dtype", choices=get_args(DType), help="default: BOT_DTYPE, else float32")


def add_outputs(parser: argparse.ArgumentParser, picture: str | None = None) -> None:
    """Add --json, and --png if the command draws `picture`."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    if picture is not None:
        parser.add_argument("--png", metavar="FILE", help=f"also write a picture of {picture} to this .png file")


def whole_number(smallest: int, largest: int | None) -> Callable[[str], int]:
    """Return a parser for a whole number in this range."""
    allowed = f"at least {smallest}" if largest is None else f"from {smallest} to {largest}"

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number: it must be {allowed}") from None
        if number < smallest or (largest is not None and number > largest):
            raise argparse.ArgumentTypeError(f"{number} is out of range: it must be {allowed}")
        return number

    return parse


def parse_ids(text: str) -> tuple[int, ...]:
    """Parse ids separated by commas."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a list of ids: write numbers separated by commas, such as 12,345"
        ) from None


def _value_parser(option: Option) -> tuple[Callable[[str], object], str]:
    """Return the parser of an option's value, and the placeholder for the value in the help."""
    if option.kind is tuple:
        return parse_ids, "ID,ID,…"
    if option.kind is int and option.largest is None:  # no question checks its range
        return whole_number(int(option.smallest or 0), None), "N"
    if option.is_number:
        return (float if option.kind is float else int), "N"
    return str, "FILE" if option.kind is Path else "TEXT"
