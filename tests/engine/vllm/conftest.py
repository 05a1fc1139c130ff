"""Servers of the demo model and of a random Qwen2 with the real tokenizer: a fake one, and the real vLLM."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.engine.model import EngineModel
from bot.engine.model_files import DEMO_FOLDER
from bot.engine.vllm.engine import VllmEngine
from bot.engine.vllm.loading import load_model
from tests.engine.vllm.equality import Row
from tests.engine.vllm.fake_server import FakeVllm, Serving, serving

Connect = Callable[..., EngineModel]


@pytest.fixture
def fake() -> FakeVllm:
    """A fake server of the demo model. Its faults can be set before and after `server` starts it."""
    return FakeVllm(DEMO_FOLDER)


@pytest.fixture
def server(fake: FakeVllm) -> Iterator[Serving]:
    with serving(fake) as started:
        yield started


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Load models from servers by address. Their connections are closed after the test."""
    models: list[EngineModel] = []

    def load(url: str, folder: Path = DEMO_FOLDER, **options: Any) -> EngineModel:
        name = "demo" if folder == DEMO_FOLDER else str(folder)
        model = load_model(name, url=url, **{"read_timeout": 60.0, "max_prompt_tokens": 400, **options})
        models.append(model)
        return model

    yield load
    for model in models:
        engine_of(model).connection.close()


def engine_of(model: EngineModel) -> VllmEngine:
    assert isinstance(model.engine, VllmEngine)
    return model.engine


@pytest.fixture
def remote(server: Serving, connect: Connect) -> EngineModel:
    """The demo model on the fake server."""
    return connect(server.fake.url)


Table = list[Row]
TABLES = pytest.StashKey[dict[str, Table]]()


@pytest.fixture
def record_table(request: pytest.FixtureRequest) -> Callable[[str, Table], None]:
    """Keep an equality table, to print it after the tests."""
    return request.config.stash.setdefault(TABLES, {}).__setitem__


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name, rows in config.stash.get(TABLES, {}).items():
        terminalreporter.section(f"vLLM against plain transformers in float32: {name}")
        for row in rows:
            ids = "equal" if row.ids_agree else "DIFFERENT"
            figures = f", {row.figures} log-probabilities within {row.difference:.1e}" if row.figures else ""
            terminalreporter.write_line(f"{row.question:40} ids {ids}{figures}")
