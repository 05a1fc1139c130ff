"""The log: its level, its two formats, and what is never logged."""

import json
import logging
from collections.abc import Iterator

import pytest

from bot.app.service import configure_logging
from bot.settings import Settings


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for library in ("discord", "simcord", "aiohttp", "aiosqlite", "alembic"):
        logging.getLogger(library).setLevel(logging.NOTSET)


def test_a_log_line_has_level_logger_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_level="INFO"))
    logging.getLogger("bot.x").info("ready")
    logging.getLogger("bot.x").debug("hidden")
    assert capsys.readouterr().err.rstrip().endswith("INFO    bot.x: ready")


def test_each_json_log_record_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_json=True))
    try:
        raise ZeroDivisionError("why")
    except ZeroDivisionError:
        logging.getLogger("bot.x").exception("failed\nbadly")
    (line,) = capsys.readouterr().err.splitlines()
    record = json.loads(line)
    assert (record["levelname"], record["name"], record["message"]) == ("ERROR", "bot.x", "failed\nbadly")
    assert "ZeroDivisionError: why" in record["exc_info"]


@pytest.mark.parametrize(
    "library", ["discord.webhook.async_", "discord.http", "discord.gateway", "aiohttp.client", "aiosqlite"]
)
def test_libraries_that_log_tokens_at_debug_level_are_silenced(
    library: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(Settings(log_level="DEBUG"))
    logging.getLogger(library).debug("interaction token")
    logging.getLogger("bot").debug("ours")
    err = capsys.readouterr().err
    assert "interaction token" not in err
    assert "ours" in err
