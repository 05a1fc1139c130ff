"""The bot's metrics, for Prometheus.

Labels have few, fixed values. None holds an id, a text, a URL or an error's message.
"""

import asyncio
import platform
import time
from types import SimpleNamespace
from typing import get_args

import aiohttp
import discord
from discord.ext import commands
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.gc_collector import GCCollector

from bot import __version__
from bot.answers.observer import AnswerObserver, Ending
from bot.engine.observer import EngineObserver, Phase, Work
from bot.storage.records import Fault

OTHER = "other"
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
# The first part of a path below the API's version. Everything else is "other", such as the gateway's connection.
RESOURCES = frozenset({"applications", "channels", "gateway", "guilds", "interactions", "oauth2", "users", "webhooks"})
_API = "/api/v"
_FAULTS = frozenset(get_args(Fault))

_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
_LONG = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 840.0)  # up to the largest time limit
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)

LAG_SECONDS = 0.5  # between two measurements of the event loop's lag


class Metrics(AnswerObserver, EngineObserver):
    """Every metric of one bot, in a registry of its own. All methods can be called from any thread."""

    def __init__(self) -> None:
        # They are a timestamp for each series, which no alert needs.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        Info("nightword_build", "The running version.", registry=registry).info(
            {"version": __version__, "python": platform.python_version(), "discord_py": discord.__version__}
        )
        self.ready = Gauge(
            "nightword_ready",
            "1 if this part is ready, else 0.",
            ["component"],
            registry=registry,
        )
        self.draining = Gauge(
            "nightword_draining",
            "1 from SIGTERM on, while the bot finishes the requests that it has accepted.",
            registry=registry,
        )
        self._interactions = Counter(
            "nightword_interactions",
            "Commands, buttons, menus and forms that have ended, by how they ended.",
            ["command", "outcome"],
            registry=registry,
        )
        self.interactions_in_progress = Gauge(
            "nightword_interactions_in_progress",
            "Interactions that are being answered now.",
            registry=registry,
        )
        self._acknowledgement = Histogram(
            "nightword_acknowledgement_seconds",
            "Time from an interaction's arrival until Discord has accepted the first response. Discord waits 3 s.",
            buckets=_QUICK,
            registry=registry,
        )
        self._answer = Histogram(
            "nightword_answer_seconds",
            "Time from an interaction's arrival until Discord has accepted its complete answer.",
            ["command"],
            buckets=_LONG,
            registry=registry,
        )
        self.queue_length = Gauge(
            "nightword_queue_length",
            "Requests of people that wait for the model.",
            registry=registry,
        )
        self.queue_limit = Gauge(
            "nightword_queue_limit",
            "The most requests that can wait: BOT_QUEUE_LIMIT.",
            registry=registry,
        )
        self._queue_wait = Histogram(
            "nightword_queue_wait_seconds",
            "Time that a request waited in the queue. Reviews are background work.",
            ["work"],
            buckets=(0.001, 0.01, *_LONG),
            registry=registry,
        )
        self._first_token = Histogram(
            "nightword_time_to_first_token_seconds",
            "Time from the queueing of a request until its first new token.",
            buckets=_LONG,
            registry=registry,
        )
        self._tokens = Counter(
            "nightword_tokens",
            "Tokens that the model in this process has computed, without padding.",
            ["phase"],
            registry=registry,
        )
        self._batch = Histogram(
            "nightword_batch_size",
            "Texts in one forward pass of the model in this process.",
            ["phase"],
            buckets=_TEXTS,
            registry=registry,
        )
        self._pass = Histogram(
            "nightword_forward_pass_seconds",
            "Time of one forward pass of the model in this process.",
            ["phase"],
            buckets=(0.001, 0.0025, *_QUICK),
            registry=registry,
        )
        self._lag = Histogram(
            "nightword_event_loop_lag_seconds",
            f"How late the event loop wakes a task that sleeps for {LAG_SECONDS} s.",
            buckets=(0.001, *_QUICK),
            registry=registry,
        )
        self._reviews_scored = Counter(
            "nightword_reviews_scored",
            "Scores of messages in review channels that this process has recorded.",
            registry=registry,
        )
        self._reviews_failed = Counter(
            "nightword_reviews_failed",
            "Failed attempts of this process to score a message, by reason.",
            ["reason"],
            registry=registry,
        )
        self._reviews_pending = Gauge(
            "nightword_reviews_pending",
            "Messages of this process's servers that wait for a score: those that will be tried (waiting), and those "
            "without tries left (given_up).",
            ["state"],
            registry=registry,
        )
        self._cards = Counter(
            "nightword_review_posts",
            "Cards and digests that this process has posted in log channels.",
            ["kind"],
            registry=registry,
        )
        self._requests = Counter(
            "nightword_discord_requests",
            "HTTP requests to Discord by the first part of the path and by status; "
            "the status is error if there was no answer.",
            ["method", "resource", "status"],
            registry=registry,
        )
        self._request = Histogram(
            "nightword_discord_request_seconds",
            "Time until Discord answered an HTTP request.",
            ["resource"],
            buckets=_QUICK,
            registry=registry,
        )
        self._reconnects = Counter(
            "nightword_gateway_reconnects",
            "Connections to Discord's gateway after the first: resumed, or identified again.",
            ["how"],
            registry=registry,
        )

    def acknowledge(self, seconds: float) -> None:
        """Count an acknowledgement."""
        self._acknowledgement.observe(seconds)

    def end(self, command: str, ending: Ending, seconds: float) -> None:
        """Count an interaction. Only complete answers have an answer time."""
        self._interactions.labels(command, ending.value).inc()
        if ending is Ending.ANSWERED:
            self._answer.labels(command).observe(seconds)

    def begin_request(self, work: Work, waited: float) -> None:
        """Count a request's time in the queue."""
        self._queue_wait.labels(work).observe(waited)

    def write_first_token(self, seconds: float) -> None:
        """Count the time to a first token."""
        self._first_token.observe(seconds)

    def compute_pass(self, phase: Phase, texts: int, tokens: int, seconds: float) -> None:
        """Count a forward pass."""
        self._tokens.labels(phase).inc(tokens)
        self._batch.labels(phase).observe(texts)
        self._pass.labels(phase).observe(seconds)

    def reconnect(self, how: str) -> None:
        """Count a new connection to the gateway: "resumed" or "identified"."""
        self._reconnects.labels(how).inc()

    def set_review_backlog(self, counts: tuple[int, int] | None) -> None:
        """Set how many reviews wait, and how many have no tries left. None removes both numbers."""
        self._reviews_pending.clear()
        for state, count in zip(("waiting", "given_up"), counts or (), strict=False):
            self._reviews_pending.labels(state).set(count)

    def listen(self, bot: commands.AutoShardedBot) -> None:
        """Count the events that review channels dispatch in `bot`."""
        bot.add_listener(self._on_reviews_scored, "on_reviews_scored")
        bot.add_listener(self._on_review_failed, "on_review_failed")
        bot.add_listener(self._on_review_post, "on_review_post")

    async def measure_lag(self) -> None:
        """Measure the event loop's lag for ever."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(LAG_SECONDS)
            self._lag.observe(max(0.0, time.perf_counter() - began - LAG_SECONDS))

    def http_trace(self) -> aiohttp.TraceConfig:
        """Return a trace that counts the requests of the session that uses it."""
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(self._begin_http)
        trace.on_request_end.append(self._end_http)
        trace.on_request_exception.append(self._fail_http)
        return trace

    async def _on_reviews_scored(self, count: int) -> None:
        self._reviews_scored.inc(count)

    async def _on_review_failed(self, reason: str) -> None:
        self._reviews_failed.labels(reason if reason in _FAULTS else OTHER).inc()

    async def _on_review_post(self, kind: str) -> None:
        self._cards.labels(kind).inc()

    async def _begin_http(self, _: object, context: SimpleNamespace, __: object) -> None:
        context.began = time.perf_counter()

    async def _end_http(self, _: object, context: SimpleNamespace, request: aiohttp.TraceRequestEndParams) -> None:
        resource = _resource(request.url.path)
        self._requests.labels(_method(request.method), resource, str(request.response.status)).inc()
        self._request.labels(resource).observe(time.perf_counter() - context.began)

    async def _fail_http(self, _: object, __: object, request: aiohttp.TraceRequestExceptionParams) -> None:
        self._requests.labels(_method(request.method), _resource(request.url.path), "error").inc()


def _method(method: str) -> str:
    return method if method in _METHODS else OTHER


def _resource(path: str) -> str:
    """Return the kind of object that a path of Discord's API names, without its id."""
    below = path.removeprefix(_API).partition("/")[2] if path.startswith(_API) else ""
    resource = below.partition("/")[0]
    return resource if resource in RESOURCES else OTHER
