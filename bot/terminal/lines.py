"""Answering the same question about each line of a file."""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from tqdm import tqdm

from bot.errors import EXIT_USAGE, BotError, InputUnreadable
from bot.questions.language_model import LanguageModel, ModelInfo, RunInfo
from bot.rendering.json_objects import JsonObject, model_object
from bot.terminal.console import can_redraw, lines_of, load, print_footer, print_json, read_file, settings_of

T = TypeVar("T")

LINES_AT_A_TIME = 32


def answer_lines(
    arguments: argparse.Namespace,
    *,
    command: str,
    what: str,
    header: str,
    answer: Callable[[LanguageModel, Sequence[str]], Iterable[T | BotError]],
    to_json: Callable[[T, ModelInfo], JsonObject],
    to_row: Callable[[T, str], str],
) -> int:
    """Answer about each line of `arguments.lines` and return the exit code. `what` is what a line is, as in errors.

    A line that can't be answered is reported and skipped. `to_row` returns a line of the table below `header`.
    """
    text = read_file(arguments.lines)
    if not text:
        name = "standard input" if arguments.lines == "-" else arguments.lines
        raise InputUnreadable(f"{name} is empty. Write one {what} per line.")
    lines = lines_of(text)
    model = load(settings_of(arguments))
    if not arguments.json:
        print(header)
    began = time.perf_counter()
    failed = 0
    with tqdm(total=len(lines), unit=what, disable=not can_redraw(sys.stderr)) as progress:
        for start in range(0, len(lines), LINES_AT_A_TIME):
            some = lines[start : start + LINES_AT_A_TIME]
            for number, (line, result) in enumerate(zip(some, answer(model, some), strict=True), start=start + 1):
                if isinstance(result, BotError):
                    failed += 1
                    tqdm.write(f"nightword: line {number}: {result}", file=sys.stderr)
                    if arguments.json:
                        failure = {"command": command, "model": model_object(model.info), "line": number}
                        print_json(failure | {"error": str(result)})
                elif arguments.json:
                    print_json(to_json(result, model.info))
                else:
                    print(to_row(result, line), flush=True)
                progress.update()
    if not arguments.json:
        print_footer(RunInfo(model.info, time.perf_counter() - began))
    return EXIT_USAGE if failed else 0
