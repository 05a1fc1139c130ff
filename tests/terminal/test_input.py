"""Texts from standard input and from files: byte order marks, line ends, and bytes that are not text."""

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.cli.main import run
from bot.engine.model import EngineModel
from bot.settings import read_settings, unknown_variables
from bot.terminal import console as terminal_io
from tests.console import assert_same_json

BOM = b"\xef\xbb\xbf"
TEXT = "I laughed\r\n all the\rway home. \n"

# Every command that reads a text, and the JSON field that holds the text.
COMMANDS = {
    "topk": "prompt",
    "continue": "prompt",
    "tokenize": "text",
    "xray": "text",
    "diff": "text",
    "compare": "prompt",
    "sampler": "prompt",
    "layers": "prompt",
    "contrast": "a",
    "why": "prompt",
}
MORE = {
    "compare": ["--max-new-tokens", "2", "--seed", "1"],
    "contrast": ["a second text"],
    "diff": ["--dtype-b", "int8"],
}


class Console:
    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def run(self, *arguments: str, stdin: bytes = b"", code: int = 0) -> tuple[str, str]:
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        assert run([*arguments, "--model", "demo"]) == code
        captured = self._capsys.readouterr()
        return captured.out, captured.err

    def json(self, *arguments: str, stdin: bytes = b"") -> list[Any]:
        return [json.loads(line) for line in self.run(*arguments, "--json", stdin=stdin)[0].splitlines()]

    def refusal(self, *arguments: str, stdin: bytes = b"") -> str:
        out, err = self.run(*arguments, stdin=stdin, code=2)
        assert out == ""
        assert err.startswith("nightword: ")
        assert err.count("\n") == 1
        return err


@pytest.fixture
def console(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, demo_model: EngineModel) -> Console:
    monkeypatch.setattr(terminal_io, "load_language_model", lambda _: demo_model)  # loaded once
    return Console(capsys, monkeypatch)


@pytest.mark.parametrize(("command", "field"), COMMANDS.items())
def test_a_byte_order_mark_is_dropped_and_line_ends_are_kept(console: Console, command: str, field: str) -> None:
    options = MORE.get(command, [])
    (marked,) = console.json(command, "-", *options, stdin=BOM + TEXT.encode())
    (plain,) = console.json(command, "-", *options, stdin=TEXT.encode())
    (argument,) = console.json(command, TEXT, *options)
    assert marked == plain == argument
    if field in plain:
        assert plain[field] == TEXT


@pytest.mark.parametrize("options", [[], ["--explain"]])
def test_a_review_is_scored_without_its_byte_order_mark(console: Console, options: list[str]) -> None:
    marked = console.json("sentiment", "-", *options, stdin=BOM + TEXT.encode())
    assert marked == console.json("sentiment", "-", *options, stdin=TEXT.encode())
    assert marked == console.json("sentiment", TEXT, *options)


def test_only_one_byte_order_mark_is_dropped_and_none_from_an_argument(console: Console) -> None:
    (twice,) = console.json("tokenize", "-", stdin=BOM + BOM + b"a" + BOM)
    assert twice["text"] == "\ufeffa\ufeff"
    (argument,) = console.json("tokenize", "\ufeffa")
    assert argument["text"] == "\ufeffa"


LINES = ["I loved it.", "I hated\x0c it.", "It was\u2028 fine.", "So\x0b so\x85."]


@pytest.mark.parametrize("begin", [b"", BOM], ids=["", "marked"])
@pytest.mark.parametrize("from_file", [True, False], ids=["file", "standard input"])
@pytest.mark.parametrize("ends", [["\n"] * 4, ["\r\n"] * 4, ["\r"] * 4, ["\r", "\r\n", "\n", ""]], ids=repr)
def test_only_line_ends_end_a_line(console: Console, ends: list[str], from_file: bool, begin: bytes) -> None:
    content = begin + "".join(line + end for line, end in zip(LINES, ends, strict=True)).encode()
    Path("reviews.txt").write_bytes(content)
    scored = console.json("sentiment", "--lines", "reviews.txt" if from_file else "-", stdin=content)
    for verdict, line in zip(scored, LINES, strict=True):
        assert_same_json(verdict, console.json("sentiment", line)[0])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=repr)
def test_an_empty_line_keeps_its_number(console: Console, end: str) -> None:
    content = end.join(["I loved it.", "", "I hated it.", "", ""]).encode()
    out, err = console.run("sentiment", "--lines", "-", stdin=content, code=2)
    assert re.findall(r"line (\d)", err) == ["2", "4"]
    assert len(out.splitlines()) == 4


@pytest.mark.parametrize("content", [b"", BOM])
def test_an_empty_file_is_refused(console: Console, content: bytes) -> None:
    Path("reviews.txt").write_bytes(content)
    assert "reviews.txt is empty. Write one review per line." in console.refusal("sentiment", "--lines", "reviews.txt")
    assert "standard input is empty" in console.refusal("sentiment", "--lines", "-", stdin=content)
    assert "The review is empty" in console.refusal("sentiment", "-", stdin=content)


NAMES = [
    "UTF-16 LE",
    "UTF-16 BE",
    "UTF-32 LE",
    "UTF-32 BE",
    "UTF-16",
    "null",
    "Latin-1",
    "marked",
    "surrogate",
    "cut off",
]
NOT_UTF_8 = [
    ("I loved it.".encode("utf-16"), "is in UTF-16, according to its byte order mark. Save it as UTF-8."),
    (
        b"\xfe\xff" + "I loved it.".encode("utf-16-be"),
        "is in UTF-16, according to its byte order mark. Save it as UTF-8.",
    ),
    ("I loved it.".encode("utf-32"), "is in UTF-32, according to its byte order mark. Save it as UTF-8."),
    (
        b"\x00\x00\xfe\xff" + "I".encode("utf-32-be"),
        "is in UTF-32, according to its byte order mark. Save it as UTF-8.",
    ),
    (
        "I loved it.".encode("utf-16-le"),
        "has a null character (byte 1), so it is probably UTF-16 or binary. Save it as",
    ),
    (BOM + b"I\x00", "has a null character (byte 4), so it is probably UTF-16 or binary. Save it as"),
    ("I l\xf6ved it.".encode("latin-1"), "is not valid UTF-8 (byte 3). Save it as UTF-8."),
    (BOM + b"I\xff", "is not valid UTF-8 (byte 4). Save it as UTF-8."),
    (b"I\n\xed\xa0\x80", "is not valid UTF-8 (byte 2). Save it as UTF-8."),
    (b"\xf0\x9f\x98", "is not valid UTF-8 (byte 0). Save it as UTF-8."),
]


@pytest.mark.parametrize(("content", "problem"), NOT_UTF_8, ids=NAMES)
def test_input_that_is_not_utf_8_is_refused_in_one_line(console: Console, content: bytes, problem: str) -> None:
    Path("reviews.txt").write_bytes(content)
    assert f"reviews.txt {problem}" in console.refusal("sentiment", "--lines", "reviews.txt")
    assert f"standard input {problem}" in console.refusal("sentiment", "--lines", "-", stdin=content)
    for command in ("sentiment", *COMMANDS):
        assert f"standard input {problem}" in console.refusal(command, "-", *MORE.get(command, []), stdin=content)


def test_the_second_text_can_come_from_standard_input(console: Console) -> None:
    first, second = console.json("tokenize", "a", "--compare-with", "-", stdin=BOM + b"b\r\n")
    assert (first["text"], second["text"]) == ("a", "b\r\n")
    (contrast,) = console.json("contrast", "a", "-", stdin=BOM + b"b\r\n")
    assert (contrast["a"], contrast["b"]) == ("a", "b\r\n")


@pytest.mark.parametrize("arguments", [("tokenize", "-", "--compare-with", "-"), ("contrast", "-", "-")])
def test_two_texts_cannot_both_come_from_standard_input(console: Console, arguments: tuple[str, ...]) -> None:
    error = console.refusal(*arguments, stdin=b"a")
    assert "Only one of the two texts can come from standard input" in error


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=repr)
def test_settings_files_with_any_line_end_and_a_byte_order_mark_are_read(encoding: str, end: str) -> None:
    Path(".env").write_bytes(f"BOT_MODEL=first{end}BOT_DTYPE=int8{end}BOT_TYPO=1{end}".encode(encoding))
    settings = read_settings()
    assert (settings.model, settings.dtype) == ("first", "int8")
    assert set(unknown_variables()) == {"BOT_TYPO"}
