"""The arguments of commands in a terminal, and the parser of them all."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeAlias, get_args

from bot.errors import UsageError
from bot.questions.options import Option, options_of
from bot.settings import DType

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
Arguments: TypeAlias = "argparse.ArgumentParser | argparse._ArgumentGroup"


class Parser(argparse.ArgumentParser):
    """Raises UsageError where argparse would print the usage and exit."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise UsageError(f"{message}. See {self.prog} --help")


def add_options(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options of a command, as the table of options has them."""
    for option in options_of(command, "terminal"):
        add_option(parser, option)


def add_option(parser: Arguments, option: Option) -> None:
    """Add an option; a number that is not given is None, and its range is checked with the question."""
    if option.is_positional:
        parser.add_argument(option.name, nargs=None if option.is_required else "?", help=option.description)
    elif option.kind is bool:
        parser.add_argument(option.flag, action="store_true", help=option.description)
    elif option.choices:
        parser.add_argument(option.flag, choices=option.choices, default=option.default, help=option.description)
    else:
        parse, metavar = _reader(option)
        default = None if option.is_number else option.default
        parser.add_argument(option.flag, type=parse, metavar=metavar, default=default, help=option.description)


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


def _reader(option: Option) -> tuple[Callable[[str], object], str]:
    """Return what reads an option's value, and what stands for the value in the help."""
    if option.kind is tuple:
        return ids_list, "ID,ID,…"
    if option.kind is int and option.largest is None:  # no question checks its range
        return whole_number(int(option.smallest or 0), None), "N"
    if option.is_number:
        return (float if option.kind is float else int), "N"
    return str, "FILE" if option.kind is Path else "TEXT"
