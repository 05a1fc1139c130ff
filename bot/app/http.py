"""The bot's HTTP endpoints for operators: `/livez`, `/readyz` and `/metrics`."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from aiohttp import web
from prometheus_client.aiohttp import make_aiohttp_handler

from bot.app.client import Nightword
from bot.app.readiness import DATABASE_SECONDS, Cached, Readiness
from bot.errors import InvalidSettings
from bot.settings import Settings

BACKLOG_SECONDS = 10.0  # how long the counts of waiting reviews are cached
CLOSE_SECONDS = 1.0  # at shutdown, for requests that are being answered

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def serve_endpoints(bot: Nightword, settings: Settings) -> AsyncIterator[None]:
    """Serve the endpoints of `bot` if BOT_HTTP_PORT is set. Raises InvalidSettings if the port can't be used."""
    if settings.http_port is None:
        yield
        return
    runner = web.AppRunner(_application(bot), access_log=None, shutdown_timeout=CLOSE_SECONDS)
    await runner.setup()
    lag = asyncio.create_task(bot.metrics.measure_lag())
    try:
        await _listen(runner, settings.http_host, settings.http_port)
        yield
    finally:
        lag.cancel()
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        reason = error.strerror or "the address is invalid"
        raise InvalidSettings(
            f"BOT_HTTP_PORT is {port}, but the bot can't listen on {host}:{port}: {_plain(reason)}. Stop the program "
            "that uses the port, choose another one, or check BOT_HTTP_HOST."
        ) from None
    log.info("serving /livez, /readyz and /metrics on %s:%d", host, port)


def _application(bot: Nightword) -> web.Application:
    endpoints = _Endpoints(bot)
    application = web.Application()
    application.add_routes(
        [
            web.get("/livez", endpoints.live),
            web.get("/readyz", endpoints.ready),
            web.get("/metrics", endpoints.metrics),
        ]
    )
    return application


class _Endpoints:
    """The handlers. No answer holds an id, a text, a URL or an error's message."""

    def __init__(self, bot: Nightword) -> None:
        self._bot = bot
        self._readiness = Readiness(bot)
        self._backlog = Cached(self._review_backlog, BACKLOG_SECONDS)
        self._export = make_aiohttp_handler(bot.metrics.registry)

    async def live(self, _: web.Request) -> web.Response:
        """Answer at all: the event loop runs."""
        return web.Response(text="ok\n")

    async def ready(self, request: web.Request) -> web.Response:
        """Answer 200 if every part is ready, else 503. With ?verbose, each part has a line."""
        problems = await self._readiness.problems()
        names = [name for name, problem in problems.items() if problem]
        if "verbose" in request.query:
            text = "".join(f"{name}: {problem or 'ok'}\n" for name, problem in problems.items())
        else:
            text = f"not ready: {', '.join(names)}\n" if names else "ok\n"
        return web.Response(text=text, status=503 if names else 200)

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """Answer with every metric, in the format that Prometheus asks for."""
        metrics, bot = self._bot.metrics, self._bot
        for name, problem in (await self._readiness.problems()).items():
            if name != "shutdown":
                metrics.ready.labels(name).set(not problem)
        metrics.draining.set(bot.is_draining)
        metrics.queue_length.set(bot.executor.status.waiting)
        metrics.queue_limit.set(bot.settings.queue_limit)
        metrics.interactions_in_progress.set(len(bot.open_answers))
        metrics.set_review_backlog(await self._backlog.get())
        return await self._export(request)

    async def _review_backlog(self) -> tuple[int, int] | None:
        """Return how many reviews wait and how many have no tries left, or None without an answer of the database."""
        database = self._bot.database
        if database is None:
            return None
        from bot.storage.messages import Messages  # its packages take a third of a second to import

        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                return await Messages(database, self._bot.settings.shards).backlog()
        except Exception:  # /readyz reports it
            return None


def _plain(reason: str) -> str:
    """Return an operating system's reason without asyncio's repetition of the address."""
    return reason.rpartition(": ")[2]
