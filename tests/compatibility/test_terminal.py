"""Programs that read the JSON of an earlier version read today's."""

import io
import json
import sys
from typing import Any

import pytest

from bot.cli.main import run
from bot.engine.model import EngineModel
from bot.engine.transformers import loading
from tests.compatibility.earlier import load

TERMINAL = load("terminal.json")


@pytest.fixture(autouse=True)
def _loaded_once(monkeypatch: pytest.MonkeyPatch, demo_model: EngineModel) -> None:
    monkeypatch.setattr(loading, "load_model", lambda *_, **__: demo_model)


def check(found: Any, before: Any, where: str, *, measured: bool) -> None:
    """Assert that what a program would have read before is there, with equal values; what was measured varies."""
    if isinstance(before, dict):
        assert isinstance(found, dict), where
        assert found.keys() >= before.keys(), where
        for name, value in before.items():
            check(found[name], value, f"{where}.{name}", measured=measured)
    elif isinstance(before, list):
        assert isinstance(found, list), where
        assert len(found) == len(before), where
        for position, value in enumerate(before):
            check(found[position], value, f"{where}[{position}]", measured=measured)
    elif measured and isinstance(before, int | float):
        assert isinstance(found, int | float), where
    elif isinstance(before, float):
        assert found == pytest.approx(before, rel=1e-5, abs=1e-5), where
    elif where.endswith(".error"):  # a sentence for people
        assert isinstance(found, str), where
    else:
        assert (type(found), found) == (type(before), before), where


@pytest.mark.parametrize("made", TERMINAL, ids=[" ".join(one["arguments"]) for one in TERMINAL])
def test_what_was_printed_is_printed(
    made: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = io.BytesIO(made.get("stdin", "").encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stdin, encoding="utf-8"))
    assert run([*made["arguments"], "--model", "demo", "--json"]) == made["exit_code"]
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    check(printed, made["printed"], "printed", measured=made["arguments"][0] == "bench")


def test_every_command_with_json_was_made() -> None:
    assert {one["arguments"][0] for one in TERMINAL} == {
        "topk", "continue", "sentiment", "tokenize", "xray", "compare", "sampler", "bench",
    }  # fmt: skip
