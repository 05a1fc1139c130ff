"""Commands import only what they need: the health check runs twice a minute, and help should appear at once."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.questions.outcome import Outcome
from bot.questions.tokenization import TokenizationQuestion
from bot.receipts.receipt import AnsweredBy, Receipt, write_receipt

BY = AnsweredBy("demo", None, "float32", "cpu", "")
PROJECT = Path(__file__).parents[1]
NOT_FOR_A_TERMINAL = {"discord", "simcord", "aiohttp", "prometheus_client", "sqlalchemy", "alembic", "aiosqlite"}
HEAVY = {"discord", "aiohttp", "torch", "transformers", "huggingface_hub", "matplotlib", "PIL", "simcord", "numpy"}
PROGRAM = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=open("modules.json", "w")))
from bot.__main__ import main
sys.argv[0] = "nightword"
main()
"""


def imported_packages(*arguments: str, code: int = 0, **settings: str) -> set[str]:
    """Run a command in its own process and return the packages that it imported."""
    ended = subprocess.run(  # noqa: S603 – our own command
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(PROJECT), **settings},
    )  # fmt: skip
    assert ended.returncode == code, ended.stderr
    return {name.partition(".")[0] for name in json.loads(Path("modules.json").read_text())}


def write_heartbeat() -> str:
    Path("heartbeat").write_text(json.dumps({"time": 1e12, "gateway": True, "model": True}))
    return "heartbeat"


@pytest.mark.parametrize("settings", [{}, {"BOT_REVIEWS": "true", "BOT_DATABASE_URL": "sqlite+aiosqlite:///a%20b.db"}])
def test_health_imports_neither_discord_nor_the_model_nor_the_database(settings: dict[str, Any]) -> None:
    modules = imported_packages("health", BOT_HEARTBEAT_FILE=write_heartbeat(), **settings)
    assert "pydantic" in modules, "it reads the settings"
    assert modules & (HEAVY | {"sqlalchemy", "alembic"}) == set()


def test_health_of_an_unhealthy_bot_imports_no_heavy_library() -> None:
    assert (
        imported_packages("health", code=1, BOT_HEARTBEAT_FILE="nowhere") & (HEAVY | {"sqlalchemy", "alembic"}) == set()
    )


@pytest.mark.parametrize("arguments", ["--version", "--help", "run --help", "topk --help", "backup --help"])
def test_help_imports_no_heavy_library(arguments: str) -> None:
    assert imported_packages(*arguments.split()) & (HEAVY | {"sqlalchemy", "alembic"}) == set()


def test_backup_imports_neither_discord_nor_the_model() -> None:
    assert imported_packages("backup", "copy.db", code=78) & HEAVY == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        "topk Once",
        "continue Once --max-new-tokens 2",
        "sentiment --lines reviews.txt",
        "xray Once",
        "tokenize Once",
        "diff Once --dtype-b bfloat16",
        "replay receipt.json",
    ],
)
def test_terminal_commands_import_neither_discord_nor_the_database_nor_matplotlib(arguments: str) -> None:
    Path("reviews.txt").write_text("I loved it.\n")
    Path("receipt.json").write_text(write_receipt(Receipt(TokenizationQuestion("Once"), Outcome((1,), ()), BY, {}, {})))
    code = 1 if arguments.startswith("replay") else 0  # its ids are others
    modules = imported_packages(*arguments.split(), "--model", "demo", code=code)
    assert "transformers" in modules
    assert modules & (NOT_FOR_A_TERMINAL | {"matplotlib"}) == set()


@pytest.mark.slow
def test_a_picture_imports_matplotlib() -> None:
    modules = imported_packages("topk", "Once", "--model", "demo", "--png", "picture.png")
    assert "matplotlib" in modules
    assert modules & NOT_FOR_A_TERMINAL == set()


@pytest.mark.slow
def test_collections_skip_what_transformers_made() -> None:
    program = """
import gc
from bot.engine.executor import load_language_model
from bot.settings import read_settings
load_language_model(read_settings(model="demo"))
print(gc.isenabled(), 10 * len(gc.get_objects()) < gc.get_freeze_count())
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 – our own program
    assert ended.stdout == "True True\n"
