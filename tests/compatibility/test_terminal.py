"""Programs that read the JSON of an earlier version can read today's."""

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


def check(now: Any, before: Any, where: str, *, measured: bool) -> None:
    """Assert that every key printed before is printed now, with an equal value unless it is `measured`."""
    if isinstance(before, dict):
        assert isinstance(now, dict), where
        assert now.keys() >= before.keys(), where
        for name, value in before.items():
            check(now[name], value, f"{where}.{name}", measured=measured)
    elif isinstance(before, list):
        assert isinstance(now, list), where
        assert len(now) == len(before), where
        for position, value in enumerate(before):
            check(now[position], value, f"{where}[{position}]", measured=measured)
    elif measured and isinstance(before, int | float):
        assert isinstance(now, int | float), where
    elif isinstance(before, float):
        assert now == pytest.approx(before, rel=1e-5, abs=5e-5), where  # logits among them
    elif where.endswith((".error", ".engine_path")):  # words for people
        assert isinstance(now, str), where
    else:
        assert (type(now), now) == (type(before), before), where


@pytest.mark.parametrize("call", TERMINAL, ids=[" ".join(call["arguments"]) for call in TERMINAL])
def test_json_output_is_the_same_as_before(
    call: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = io.BytesIO(call.get("stdin", "").encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stdin, encoding="utf-8"))
    assert run([*call["arguments"], "--model", "demo", "--json"]) == call["exit_code"]
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    check(printed, call["printed"], "printed", measured=call["arguments"][0] == "bench")


def test_every_command_with_json_is_recorded() -> None:
    assert {call["arguments"][0] for call in TERMINAL} == {
        "topk", "continue", "sentiment", "tokenize", "xray", "compare", "sampler", "bench",
    }  # fmt: skip
