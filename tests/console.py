"""Run the command line in a test and return what it printed."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.cli.main import run

PROMPT = "It was a dark and stormy"
MODEL = {"name": "demo", "revision": None, "dtype": "float32", "device": "cpu"}


class Console:
    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def run(self, *arguments: str, code: int = 0, stdin: bytes = b"") -> tuple[str, str]:
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        self._capsys.readouterr()  # drop what was printed before
        assert run(arguments) == code
        captured = self._capsys.readouterr()
        return captured.out, captured.err

    def json(self, *arguments: str, stdin: bytes = b"") -> Any:
        out, err = self.run(*arguments, "--model", "demo", "--json", stdin=stdin)
        assert err == ""
        assert out.count("\n") == 1
        return json.loads(out)

    def error(self, *arguments: str, code: int) -> str:
        out, err = self.run(*arguments, code=code)
        assert out == ""
        assert err.startswith("nightword: ")
        assert err.count("\n") == 1
        return err


def assert_same_json(now: Any, before: Any) -> None:
    """Compare two printed values. The order of summation, and so the rounding, depends on what was computed before."""
    if isinstance(before, dict):
        assert now.keys() == before.keys()
        for name, value in before.items():
            assert_same_json(now[name], value)
    elif isinstance(before, list):
        assert len(now) == len(before)
        for value, other in zip(now, before, strict=True):
            assert_same_json(value, other)
    elif isinstance(before, float):
        assert now == pytest.approx(before, rel=1e-5, abs=5e-5)
    else:
        assert now == before


def without_receipt(file: Path) -> bytes:
    """Return a picture without the receipt, which is in the chunk after the header."""
    png = file.read_bytes()
    assert png[37:41] == b"iTXt"
    return png[:33] + png[33 + 12 + int.from_bytes(png[33:37]) :]
