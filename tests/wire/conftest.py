"""A slow model for tests with a whole bot, and the shutdown of the process that forks the bots."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, Qwen2Config, Qwen2ForCausalLM

from bot.engine.model_files import DEMO_FOLDER
from tests.wire.forked import stop_fork_server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder as slow. Tests with the slow model share a worker, since the model is large."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("slow")
            if "slow_model" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group("slow model"))


@pytest.fixture(scope="session", autouse=True)
def _fork_server() -> Iterator[None]:
    yield
    stop_fork_server()


@pytest.fixture(scope="session")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo model's tokenizer with about 200 million random weights, which keep every core busy."""
    folder = tmp_path_factory.mktemp("slow")
    for file in DEMO_FOLDER.glob("*token*"):
        shutil.copy(file, folder / file.name)
    demo = AutoConfig.from_pretrained(DEMO_FOLDER)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=demo.vocab_size, hidden_size=1024, intermediate_size=4096, num_hidden_layers=12,
        num_attention_heads=16, num_key_value_heads=16, tie_word_embeddings=True, max_position_embeddings=1024,
        eos_token_id=None, bos_token_id=None,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return folder
