"""Run the command line in a test and return what it printed."""

import io
import json
import sys
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


def assert_same_verdict(answer: dict[str, Any], other: dict[str, Any]) -> None:
    """Compare two verdicts. The order of summation, and so the rounding, depends on the texts computed together."""
    numbers = ("logits", "probabilities", "label_mass")
    for name in numbers:
        assert answer[name] == pytest.approx(other[name], rel=1e-5, abs=1e-5)
    assert {**answer, **dict.fromkeys(numbers)} == {**other, **dict.fromkeys(numbers)}
