"""`nightword doctor` about a vLLM server: one line for each thing that is wrong."""

from collections.abc import Iterator

import pytest

from bot.engine.model_files import DEMO_FOLDER
from tests.console import Console
from tests.engine.vllm.fake_server import FakeVllm, Serving, serving


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    with serving(FakeVllm(DEMO_FOLDER)) as started:
        monkeypatch.setenv("BOT_ENGINE", "vllm")
        monkeypatch.setenv("BOT_VLLM_URL", started.fake.url)
        yield started


def lines(console: Console, subject: str) -> list[str]:
    out, _ = console.run("doctor", "--model", "demo", code=78)  # there is no token
    return [line for line in out.splitlines() if line[2:].startswith(f"{subject} ")]


def test_a_server_that_is_right(console: Console, server: Serving) -> None:
    assert lines(console, "server") == ["✓ server        vLLM 0.32.0, up to 512 tokens in one request"]
    (weights,) = lines(console, "weights")
    assert weights.startswith("✓ weights       the model's own: log-probabilities within ")
    assert any("refused (a penalty needs logits" in line for line in lines(console, "questions"))


def test_a_server_that_is_down(console: Console, server: Serving) -> None:
    server.stop()
    assert lines(console, "server") == [
        "✗ server        the server of BOT_VLLM_URL can't be used: nothing listens at its address."
    ]


def test_a_server_with_a_small_limit(console: Console, server: Serving) -> None:
    server.fake.max_logprobs = 20
    assert lines(console, "server") == [
        "✗ server        the server of BOT_VLLM_URL can't be used: it was started with --max-logprobs 20, which is too "
        "small (start it with -1)."
    ]


def test_a_server_with_other_weights(console: Console, server: Serving) -> None:
    server.fake.shift = 3.0
    (line,) = lines(console, "server")
    assert line.startswith("✗ server        the server of BOT_VLLM_URL can't be used: its log-probabilities differ")


def test_a_version_that_was_not_tested(console: Console, server: Serving) -> None:
    server.fake.version = "0.99.0"
    (line,) = lines(console, "server")
    assert line.startswith("– server        vLLM 0.99.0")
    assert line.endswith("This version of vLLM was not tested with Nightword.")


def test_a_server_without_an_address(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_ENGINE", "vllm")
    assert lines(console, "settings") == [
        "✗ settings      BOT_ENGINE=vllm needs BOT_VLLM_URL, the address of the server, such as http://127.0.0.1:8000."
    ]
