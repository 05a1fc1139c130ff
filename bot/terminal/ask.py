"""How every question is answered in a terminal: load the model, ask, print, write the picture."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from bot.questions.language_model import ModelInfo, RepeatableQuestion, RunInfo
from bot.receipts.picture import put_receipt
from bot.receipts.receipt import receipt_of, write_receipt
from bot.rendering.json_objects import JsonObject
from bot.rendering.pictures.picture import Picture
from bot.settings import Settings
from bot.terminal.console import load, print_footer, print_json, settings_of, timed_answer
from bot.terminal.picture_file import picture_target, write_picture

T = TypeVar("T")


def ask(
    arguments: argparse.Namespace,
    question: RepeatableQuestion[T],
    *,
    to_json: Callable[[T, ModelInfo], JsonObject | Sequence[JsonObject]],
    to_text: Callable[[T, RunInfo], str],
    draw: Callable[[T], Picture] | None = None,
    settings: Settings | None = None,
    has_footer: bool = True,
) -> int:
    """Answer a question on standard output and return the exit code.

    `to_json` returns one object, or several, which are printed one per line. `draw` is for commands with --png, whose
    picture carries the receipt. `settings` are read from the command line if they are None.
    """
    target = None if draw is None else picture_target(arguments.png)
    result, run = timed_answer(load(settings or settings_of(arguments)), question)
    if arguments.json:
        output = to_json(result, run.model)
        for json_object in [output] if isinstance(output, dict) else output:
            print_json(json_object)
    else:
        print(to_text(result, run))
        if has_footer:
            print_footer(run)
    if draw is not None:
        receipt = write_receipt(receipt_of(question, result, run.model))
        write_picture(target, _draw_with_receipt, draw, result, receipt)
    return 0


def _draw_with_receipt(draw: Callable[[T], Picture], result: T, receipt: str) -> Picture:
    picture = draw(result)
    return replace(picture, png=put_receipt(picture.png, receipt))
