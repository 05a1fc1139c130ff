"""What every command in a terminal needs: its text, the model, and the ways to print."""

import argparse
import codecs
import contextlib
import json
import sys
from pathlib import Path
from typing import TextIO

from bot.engine.executor import load_language_model
from bot.errors import InputUnreadable
from bot.questions.language_model import LanguageModel, RunInfo
from bot.rendering.json_objects import JsonObject
from bot.rendering.tables import duration
from bot.settings import Settings, hide_download_bars, is_dumb_terminal, read_settings, wants_escape_sequences

BYTE_ORDER_MARK = "\ufeff"  # with which some editors begin a file of text
# Those of other encodings; the longer ones first, for one begins as UTF-16 does.
OTHER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Return the settings with the command's own model options."""
    return read_settings(model=arguments.model, dtype=arguments.dtype)


def load(settings: Settings) -> LanguageModel:
    """Load the model; what libraries print goes to standard error."""
    if not can_redraw(sys.stderr):
        hide_download_bars()
    # Libraries print on import and while loading; standard output is for the result alone.
    with contextlib.redirect_stdout(sys.stderr):
        return load_language_model(settings)


def text_of(argument: str) -> str:
    """Return the text itself, or standard input for "-"."""
    return read_file("-") if argument == "-" else argument


def read_file(file: str) -> str:
    """Return a file's text, without a byte order mark at its beginning, line ends untouched; "-" is standard input.

    Raises InputUnreadable for what cannot be read, or is no text in UTF-8.
    """
    name = "standard input" if file == "-" else file
    if file == "-" and sys.stdin is None:
        raise InputUnreadable("standard input is closed. Pipe a text in, or write it on the command line.")
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise InputUnreadable(
            f"{name} cannot be read: {error.strerror}. Name a text file, or - to pipe one in."
        ) from None
    for mark, encoding in OTHER_MARKS.items():
        if content.startswith(mark):
            raise InputUnreadable(f"{name} is in {encoding}, as its byte order mark says. Save it as UTF-8.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputUnreadable(f"{name} is not valid UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    if "\0" in text:
        where = content.index(b"\0")
        raise InputUnreadable(
            f"{name} has a null character (byte {where}), as UTF-16 and binary files have. Save it as UTF-8."
        )
    return text.removeprefix(BYTE_ORDER_MARK)


def lines_of(text: str) -> list[str]:
    """Return the lines of a text: LF, CRLF and CR each end one, and nothing else does."""
    # str.splitlines would also split at form feeds and Unicode's separators, inside a review.
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def print_json(json_object: JsonObject) -> None:
    """Print an object on one line."""
    print(json.dumps(json_object, allow_nan=False), flush=True)


def print_footer(run: RunInfo) -> None:
    """Print what computed, and how long it took."""
    print(f"{run.model.name} · {run.model.dtype} · {duration(run.seconds)}")


def emphasis(text: str) -> str:
    """Return `text` in bold, where standard output is styled."""
    return f"\033[1m{text}\033[0m" if is_styled(sys.stdout) else text


def is_styled(stream: TextIO | None) -> bool:
    """Return whether escape sequences are written to `stream`, bold as well as colours: each stream on its own."""
    wanted = wants_escape_sequences()
    return can_redraw(stream) if wanted is None else wanted


def can_redraw(stream: TextIO | None) -> bool:
    """Return whether `stream` is a terminal that can draw a line again, as a progress bar does."""
    return stream is not None and stream.isatty() and not is_dumb_terminal()
