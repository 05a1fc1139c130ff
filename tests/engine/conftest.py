"""A model loaded by the bot and by plain transformers, and executors that are closed after the test."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import torch

from bot.engine.executor import ModelExecutor
from bot.engine.model import EngineModel
from bot.engine.model_files import DEMO_FOLDER
from tests.conftest import STORIES
from tests.engine.operations import Operating
from tests.engine.plain import plain_transformers
from tests.engine.requests import PATIENCE, Start


@pytest.fixture
def ours(model_folder: Path, request: pytest.FixtureRequest) -> EngineModel:
    names = {DEMO_FOLDER: "demo_model", STORIES: "stories_model"}
    model: EngineModel = request.getfixturevalue(names.get(model_folder, "qwen2_model"))
    return model


@pytest.fixture
def plain(model_folder: Path) -> Any:
    return plain_transformers(model_folder)[0]


@pytest.fixture
def tokenizer(model_folder: Path) -> Any:
    return plain_transformers(model_folder)[1]


@pytest.fixture
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load models on the CPU, for tests of kernels that only the CPU has."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest_asyncio.fixture
async def start() -> AsyncIterator[Start]:
    started: list[ModelExecutor] = []

    def build(model: EngineModel, *, batch_size: int = 16, queue_limit: int = 64) -> ModelExecutor:
        executor = ModelExecutor(
            lambda: Operating(model), name="demo", batch_size=batch_size, queue_limit=queue_limit, user_limit=64,
            request_timeout=PATIENCE,
        )  # fmt: skip
        started.append(executor)
        executor.start()
        executor.wait_until_loaded()
        return executor

    yield build
    for executor in started:
        executor.close()
