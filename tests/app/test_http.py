"""The endpoints of a bot that is not connected, read over HTTP."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import discord
import pytest
from discord.ext import commands

from bot.app.client import Nightword
from bot.app.gateway import GatewayStatus
from bot.app.http import serve_endpoints
from bot.app.readiness import Cached
from bot.engine.model import EngineModel
from bot.errors import BotError, InvalidSettings
from bot.questions.language_model import LanguageModel
from bot.settings import Settings
from bot.storage.database import Database
from tests.conftest import make_executor

Read = Callable[[str], "asyncio.Future[tuple[int, str]]"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@asynccontextmanager
async def served(load: Callable[[], LanguageModel], **settings: object) -> AsyncIterator[tuple[Nightword, str]]:
    """Yield a bot and the address of its endpoints."""
    chosen = Settings.model_validate({"model": "demo", "http_port": free_port(), **settings})
    bot = Nightword(chosen, make_executor(load, chosen))
    async with bot, serve_endpoints(bot, chosen):  # a bot that was not entered can't be closed before it has logged in
        yield bot, f"http://127.0.0.1:{chosen.http_port}"


async def read(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def test_the_model_is_named_while_it_loads_and_after_it_failed(demo_model: EngineModel) -> None:
    loaded = threading.Event()

    def load() -> LanguageModel:
        loaded.wait(60)
        return demo_model

    async with served(load) as (bot, url):
        bot.executor.start()
        assert await read(f"{url}/livez") == (200, "ok\n")
        assert await read(f"{url}/readyz") == (503, "not ready: gateway, model\n")
        assert (await read(f"{url}/readyz?verbose"))[1].splitlines()[1] == "model: loading"
        loaded.set()
        await asyncio.to_thread(bot.executor.wait_until_loaded)
        assert await read(f"{url}/readyz?verbose") == (503, "gateway: not connected\nmodel: ok\nshutdown: ok\n")


async def test_a_model_that_could_not_be_loaded_is_named_without_the_reason() -> None:
    def load() -> LanguageModel:
        raise BotError("a-planted-reason")

    async with served(load) as (bot, url):
        bot.executor.start()
        with pytest.raises(BotError):
            await asyncio.to_thread(bot.executor.wait_until_loaded)
        status, body = await read(f"{url}/readyz?verbose")
        metrics = (await read(f"{url}/metrics"))[1]
    assert (status, body.splitlines()[1]) == (503, "model: could not be loaded")
    assert "planted" not in body + metrics
    assert 'nightword_ready{component="model"} 0.0' in metrics


async def test_a_closing_bot_is_alive_and_not_ready(demo_model: EngineModel) -> None:
    async with served(lambda: demo_model) as (bot, url):
        bot.executor.start()
        await bot.close()
        assert await read(f"{url}/livez") == (200, "ok\n")
        assert (await read(f"{url}/readyz"))[1] == "not ready: gateway, shutdown\n"


async def test_a_database_is_named_until_it_is_open_and_once_its_file_has_gone(
    demo_model: EngineModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.app.readiness.CACHED_SECONDS", 0.0)
    file = tmp_path / "reviews.db"
    settings = {"reviews": True, "database_url": f"sqlite+aiosqlite:///{file}"}
    async with served(lambda: demo_model, **settings) as (bot, url):
        assert "database: not open\n" in (await read(f"{url}/readyz?verbose"))[1]
        bot.database = Database(bot.settings.database_url.get_secret_value())
        await bot.database.open()
        assert "database: ok\n" in (await read(f"{url}/readyz?verbose"))[1]
        assert 'nightword_reviews_pending{state="waiting"} 0.0' in (await read(f"{url}/metrics"))[1]
        file.rename(tmp_path / "elsewhere.db")
        assert "database: no connection\n" in (await read(f"{url}/readyz?verbose"))[1]
        await bot.database.close()


async def test_a_database_that_hangs_is_named_after_a_deadline(
    demo_model: EngineModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hanging:
        async def ping(self) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr("bot.app.readiness.DATABASE_SECONDS", 0.05)
    async with served(lambda: demo_model, reviews=True) as (bot, url):
        bot.database = Hanging()  # type: ignore[assignment]  # a server that accepts connections and never answers
        assert "database: no answer within 0.05 s\n" in (await read(f"{url}/readyz?verbose"))[1]
        bot.database = None


async def test_many_probes_share_one_query() -> None:
    asked = 0

    async def ask() -> int:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return asked

    cached = Cached(ask, seconds=1000.0)
    assert await asyncio.gather(*(cached.get() for _ in range(50))) == [1] * 50
    assert await Cached(ask, seconds=0.0).get() == 2


async def test_only_these_paths_and_reading_are_served(demo_model: EngineModel) -> None:
    async with served(lambda: demo_model) as (_, url):
        assert (await read(f"{url}/"))[0] == 404
        async with aiohttp.ClientSession() as session, session.post(f"{url}/metrics") as response:
            assert response.status == 405


@pytest.mark.parametrize("host", ["256.0.0.1", "no such host", "203.0.113.1"])
async def test_an_address_that_is_not_this_machine_s_is_refused_in_one_line(demo_model: EngineModel, host: str) -> None:
    with pytest.raises(InvalidSettings, match=rf"^BOT_HTTP_PORT is \d+, but the bot can't listen on {host}:\d+: .+"):
        async with served(lambda: demo_model, http_host=host):
            pass


class TestGateway:
    @pytest.fixture
    def reconnects(self) -> list[str]:
        return []

    async def dispatch(self, bot: commands.AutoShardedBot, event: str, shard: int) -> None:
        for listener in bot.extra_events.get(f"on_shard_{event}", []):
            await listener(shard)

    async def test_one_connection_is_ready_between_ready_and_disconnect(self, reconnects: list[str]) -> None:
        bot = commands.AutoShardedBot("!", intents=discord.Intents.none(), shard_count=1)
        connected: set[int] = set()
        status = GatewayStatus(bot, connected, reconnects.append)
        assert status.problem == "not connected"
        await self.dispatch(bot, "connect", 0)
        await self.dispatch(bot, "ready", 0)
        assert (status.problem, connected) == ("", {0})
        await self.dispatch(bot, "disconnect", 0)
        assert (status.problem, connected) == ("not connected", set())
        await self.dispatch(bot, "resumed", 0)
        assert (status.problem, reconnects) == ("", ["resumed"])

    async def test_several_shards_are_ready_once_all_of_this_process_are(self, reconnects: list[str]) -> None:
        bot = commands.AutoShardedBot("!", intents=discord.Intents.none(), shard_count=6, shard_ids=[2, 5])
        status = GatewayStatus(bot, set(), reconnects.append)
        assert status.problem == "2 of 2 shards are not connected"
        for shard_id in (2, 5):
            await self.dispatch(bot, "connect", shard_id)
        await self.dispatch(bot, "ready", 2)
        assert status.problem == "1 of 2 shards are not connected"
        await self.dispatch(bot, "ready", 5)
        assert (status.problem, reconnects) == ("", [])
        await self.dispatch(bot, "disconnect", 2)
        assert status.problem == "1 of 2 shards are not connected"
        await self.dispatch(bot, "connect", 2)
        await self.dispatch(bot, "ready", 2)
        assert (status.problem, reconnects) == ("", ["identified"])
