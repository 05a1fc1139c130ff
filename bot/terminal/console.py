"""Reading text, loading the model and printing, for every command in a terminal."""

import argparse
import codecs
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import TextIO, TypeVar

from bot.engine.executor import load_language_model
from bot.engine.memory import free_garbage
from bot.errors import InputUnreadable, UsageError
from bot.questions.language_model import LanguageModel, Question, RunInfo
from bot.rendering.json_objects import JsonObject
from bot.rendering.tables import duration
from bot.settings import Settings, hide_download_bars, is_dumb_terminal, read_settings, wants_escape_sequences

T = TypeVar("T")

BYTE_ORDER_MARK = "\ufeff"  # some editors write it at the start of a text file
# Marks of other encodings. UTF-32 comes first, because its little-endian mark begins with UTF-16's.
OTHER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Return the settings, overridden by the command's model options."""
    return read_settings(model=arguments.model, dtype=arguments.dtype)


def load(settings: Settings) -> LanguageModel:
    """Load the model. The output of libraries goes to standard error."""
    if not can_redraw(sys.stderr):
        hide_download_bars()
    # Libraries print on import and while loading, but standard output is only for the result.
    with contextlib.redirect_stdout(sys.stderr):
        return load_language_model(settings)


def answer_alone(settings: Settings, question: Question[T]) -> tuple[T, RunInfo]:
    """Load the model, answer a question, and free the model's memory for the next one."""
    try:
        return timed_answer(load(settings), question)
    finally:
        free_garbage()


def timed_answer(model: LanguageModel, question: Question[T]) -> tuple[T, RunInfo]:
    """Return the answer, with the model and the time it took."""
    began = time.perf_counter()
    result = model.answer(question)
    return result, RunInfo(model.info, time.perf_counter() - began)


def text_of(argument: str) -> str:
    """Return `argument`, or standard input if it is "-"."""
    return read_file("-") if argument == "-" else argument


def texts_of(first: str, second: str) -> tuple[str, str]:
    """Return two arguments, of which one can be "-" for standard input. Raises UsageError if both are."""
    if first == second == "-":
        raise UsageError("Only one of the two texts can come from standard input. Write the other on the command line.")
    return text_of(first), text_of(second)


def read_file(file: str) -> str:
    """Return the text of a file without a byte order mark, with unchanged line endings; "-" is standard input.

    Raises InputUnreadable if it can't be read or is not UTF-8 text.
    """
    name = "standard input" if file == "-" else file
    if file == "-" and sys.stdin is None:
        raise InputUnreadable("standard input is closed. Pipe in a text, or write it on the command line.")
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise InputUnreadable(
            f"{name} cannot be read: {error.strerror}. Give the path of a text file, or - to read from a pipe."
        ) from None
    for mark, encoding in OTHER_MARKS.items():
        if content.startswith(mark):
            raise InputUnreadable(f"{name} is in {encoding}, according to its byte order mark. Save it as UTF-8.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputUnreadable(f"{name} is not valid UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    if "\0" in text:
        where = content.index(b"\0")
        raise InputUnreadable(
            f"{name} has a null character (byte {where}), so it is probably UTF-16 or binary. Save it as UTF-8."
        )
    return text.removeprefix(BYTE_ORDER_MARK)


def lines_of(text: str) -> list[str]:
    """Return the lines of a text. Only LF, CRLF and CR end a line."""
    # str.splitlines would also split a review at form feeds and at Unicode's line separators.
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def print_json(json_object: JsonObject) -> None:
    """Print an object on one line."""
    print(json.dumps(json_object, allow_nan=False), flush=True)


def print_footer(run: RunInfo) -> None:
    """Print the model, its dtype, the engine if it isn't the default one, and the time taken."""
    print(f"{run.model.name} · {run.model.computed_in} · {duration(run.seconds)}")


def emphasis(text: str) -> str:
    """Return `text` in bold if standard output is styled."""
    return f"\033[1m{text}\033[0m" if is_styled(sys.stdout) else text


def is_styled(stream: TextIO | None) -> bool:
    """Return whether escape sequences, for bold and colours, are written to `stream`."""
    wanted = wants_escape_sequences()
    return can_redraw(stream) if wanted is None else wanted


def can_redraw(stream: TextIO | None) -> bool:
    """Return whether `stream` is a terminal that can redraw a line, as a progress bar does."""
    return stream is not None and stream.isatty() and not is_dumb_terminal()
