"""Models, bots, databases, deadlines, and the rule that no test connects to another machine."""

import ipaddress
import os
import secrets
import shutil
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import hypothesis
import pytest
import pytest_asyncio
import torch
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from transformers import Qwen2Config, Qwen2ForCausalLM

from bot.app.client import Nightword
from bot.engine.executor import ModelExecutor
from bot.engine.model import EngineModel
from bot.engine.model_files import DEMO_FOLDER
from bot.engine.transformers.loading import load_model
from bot.questions.language_model import LanguageModel, display_name
from bot.settings import Settings, limit_kernel_cache

TESTS = Path(__file__).parent
HELPERS = [path for path in TESTS.rglob("*.py") if not path.name.startswith(("test_", "conftest", "__"))]
pytest.register_assert_rewrite(*(".".join(path.relative_to(TESTS.parent).with_suffix("").parts) for path in HELPERS))

from tests.console import Console  # noqa: E402  # its assertions are rewritten only if it is imported after that
from tests.same_kernels import choose_same_kernels  # noqa: E402  # as above

limit_kernel_cache()  # before any computation, since oneDNN reads this once

SHARED = Path(__file__).parents[2] / "shared"
STORIES = SHARED / "models" / "stories260K"
QWEN2_TOKENIZER = SHARED / "tokenizers" / "qwen2"
SMOLLM2 = Path(__file__).parents[1] / "build" / "smollm2"  # made by `make test-slow`
SERVER = "postgresql+asyncpg://postgres@127.0.0.1:5432/"


DEADLINE = 120.0  # seconds for a test on an idle machine; conftest multiplies it by slowness()
SLOW_DEADLINE = 1200.0  # the same for slow tests, which have their own time limits
SETTLE_SECONDS = 60.0  # the same for a simulated Discord that waits for its bot: 5 s are too few on a busy machine
IDLE_SECONDS = 0.2  # that the work in slowness() takes on an idle machine

hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None)  # the same examples in every run
hypothesis.settings.register_profile("random", derandomize=False, deadline=None, print_blob=True)
hypothesis.settings.load_profile("fixed")  # `make test-nightly` uses "random"


def share_cores() -> None:
    """Divide the cores between pytest-xdist's workers and the processes that they start."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        threads = max(1, (os.cpu_count() or 1) // workers)
        torch.set_num_threads(threads)
        os.environ["OMP_NUM_THREADS"] = str(threads)


share_cores()


@pytest.fixture(scope="session", autouse=True)
def same_kernels() -> None:
    """Choose the same kernels in this process. The bots that tests start do so, too."""
    choose_same_kernels()


def slowness() -> float:
    """Return how many times longer than on an idle machine a piece of work takes; at least 1."""
    began = time.perf_counter()
    sum(number * number for number in range(3_000_000))
    return max(1.0, (time.perf_counter() - began) / IDLE_SECONDS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test a deadline, so that a test that hangs fails with a traceback."""
    times = slowness()
    for item in items:
        seconds = SLOW_DEADLINE if item.get_closest_marker("slow") else DEADLINE
        item.add_marker(pytest.mark.timeout(times * seconds))
        if "simcord_env" in getattr(item, "fixturenames", ()):
            given = item.get_closest_marker("simcord")
            options = {"settle_timeout": times * SETTLE_SECONDS, "shard_count": 1, **(given.kwargs if given else {})}
            item.add_marker(pytest.mark.simcord(**options), append=False)


def need_shared(path: Path) -> Path:
    """Return `path`, or skip: a clone of the project alone has no ../shared."""
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return path


def need_smollm2() -> Path:
    """Return the folder of SmolLM2-135M-Instruct in float32, or skip."""
    if not SMOLLM2.exists():
        pytest.skip(f"{SMOLLM2} is not there: `make test-slow` makes it with ../shared/models/smollm2.py")
    return SMOLLM2


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not ipaddress.ip_address(address[0]).is_loopback:
            raise AssertionError(f"a test connects to {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """Undo what a test sets for the libraries that it loads, such as no progress bars."""
    with patch.dict(os.environ):
        yield


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("DISCORD_TOKEN", "HF_TOKEN", *(f"BOT_{name.upper()}" for name in Settings.model_fields)):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)  # away from the project's .env


@pytest.fixture(scope="session")
def demo_model() -> EngineModel:
    return load_model("demo", max_prompt_tokens=1024)


@pytest.fixture(scope="session")
def stories_model() -> EngineModel:
    return load_model(str(need_shared(STORIES)), max_prompt_tokens=1024)


@pytest.fixture(scope="session")
def qwen2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real Qwen2 tokenizer with a small random Qwen2, whose vocabulary is padded as in the real model."""
    return random_qwen2(tmp_path_factory.mktemp("qwen2"), hidden_size=32)


@pytest.fixture(scope="session")
def wide_qwen2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with attention heads of 32 numbers, the smallest that vLLM computes on a CPU."""
    return random_qwen2(tmp_path_factory.mktemp("qwen2-wide"), hidden_size=128)


def random_qwen2(folder: Path, *, hidden_size: int) -> Path:
    for file in need_shared(QWEN2_TOKENIZER).iterdir():
        shutil.copy(file, folder / file.name)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=151_936, hidden_size=hidden_size, intermediate_size=2 * hidden_size, num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=True, eos_token_id=151_643, bos_token_id=151_643,
        initializer_range=0.3,  # large enough that no two of 151,936 logits are almost equal
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def qwen2_model(qwen2_folder: Path) -> EngineModel:
    return load_model(str(qwen2_folder), max_prompt_tokens=1024)


@pytest.fixture(params=["demo", "stories260K", "random Qwen2"])
def model_folder(request: pytest.FixtureRequest) -> Path:
    if request.param == "stories260K":
        return need_shared(STORIES)
    folder: Path = DEMO_FOLDER if request.param == "demo" else request.getfixturevalue("qwen2_folder")
    return folder


@pytest.fixture
def console(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Console:
    return Console(capsys, monkeypatch)


@pytest.fixture
def settings() -> Settings:
    return Settings(model="demo")


@pytest.fixture
def load(demo_model: EngineModel) -> Callable[[], LanguageModel]:
    """How the bot under test loads its model; tests of other models override it."""
    return lambda: demo_model


def make_executor(load: Callable[[], LanguageModel], settings: Settings) -> ModelExecutor:
    return ModelExecutor(
        load,
        name=display_name(settings.model),
        batch_size=settings.batch_size,
        queue_limit=settings.queue_limit,
        user_limit=settings.user_limit,
        request_timeout=settings.request_timeout,
    )


@pytest_asyncio.fixture
async def simcord_bot(load: Callable[[], LanguageModel], settings: Settings) -> AsyncIterator[Nightword]:
    """The real bot, connected to SimCord's simulated Discord."""
    async with Nightword(settings, make_executor(load, settings)) as bot:
        yield bot


async def administer(statement: str) -> None:
    engine = create_async_engine(SERVER + "postgres", isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await connection.execute(text(statement))
    except OSError:
        pytest.skip(f"no PostgreSQL answers at {SERVER}")
    finally:
        await engine.dispose()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path}/reviews.db"


@pytest_asyncio.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.slow)])
async def url(request: pytest.FixtureRequest, sqlite_url: str) -> AsyncIterator[str]:
    """An empty database for one test: a file, and one on a PostgreSQL server if one is running."""
    if request.param == "SQLite":
        yield sqlite_url
        return
    name = f"nightword_test_{secrets.token_hex(6)}"
    await administer(f"CREATE DATABASE {name}")
    yield SERVER + name
    await administer(f"DROP DATABASE {name} WITH (FORCE)")
