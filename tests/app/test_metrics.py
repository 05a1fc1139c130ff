"""How interactions are counted: each once, by command and outcome."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import simcord
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bot.app.client import Nightword
from bot.app.metrics import Metrics
from bot.engine.model import EngineModel
from bot.errors import BotError, RequestCancelled, RequestTimedOut
from bot.questions.language_model import LanguageModel
from bot.questions.topk import TopKQuestion
from bot.questions.xray import XrayQuestion
from bot.settings import Settings
from tests.fakes import fake_model
from tests.features.people import Place
from tests.wire.running import until


def outcomes(bot: Any) -> Counter[tuple[str, str]]:
    """Return the number of interactions by command and outcome."""
    assert isinstance(bot, Nightword)
    counted: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(generate_latest(bot.metrics.registry).decode()):
        for sample in family.samples:
            if sample.name == "nightword_interactions_total":
                counted[sample.labels["command"], sample.labels["outcome"]] += int(sample.value)
    return counted


@pytest.fixture
async def place(simcord_env: simcord.Env) -> Place:
    simcord_env.bot.executor.wait_until_loaded()  # type: ignore[attr-defined]  # the bot is ours
    return Place.build(simcord_env)


async def test_commands_buttons_and_forms_are_counted_once(place: Place) -> None:
    answered = await place.member.slash(place.channel, "topk", prompt="Once")
    await place.member.slash(place.channel, "help")
    await place.member.click(answered.response, label="Details")
    form = await place.member.slash(place.channel, "continue")
    await place.member.submit_modal(form, {"prompt": "Once upon a time"})
    await place.member.slash(place.channel, "topk", prompt="the " * 600)
    assert outcomes(place.env.bot) == {
        ("topk", "answered"): 1,
        ("help", "answered"): 1,
        ("DetailsButton", "answered"): 1,
        ("continue", "answered"): 1,
        ("PromptForm", "answered"): 1,
        ("topk", "invalid"): 1,
    }


class TestWhileTheModelLoads:
    @pytest.fixture
    def loaded(self) -> threading.Event:
        return threading.Event()

    @pytest.fixture
    def load(self, demo_model: EngineModel, loaded: threading.Event) -> Callable[[], LanguageModel]:
        def load() -> LanguageModel:
            loaded.wait(60)
            return demo_model

        return load

    async def test_a_command_is_refused(self, simcord_env: simcord.Env, loaded: threading.Event) -> None:
        place = Place.build(simcord_env)
        await place.member.slash(place.channel, "topk", prompt="Once")
        loaded.set()
        assert outcomes(simcord_env.bot) == {("topk", "refused"): 1}


def raising(error: BaseException) -> Callable[[object], object]:
    def answer(_: object) -> object:
        raise error

    return answer


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RequestTimedOut(1.0), "timed_out"),
        (RequestCancelled(), "cancelled"),
        (BotError("planted"), "failed"),
        (ZeroDivisionError("planted"), "failed"),
    ],
    ids=lambda given: given if isinstance(given, str) else type(given).__name__,
)
@pytest.mark.simcord(check_errors=False)
class TestErrors:
    @pytest.fixture
    def load(self, demo_model: EngineModel, error: BaseException) -> Callable[[], LanguageModel]:
        return lambda: fake_model(demo_model.info, {TopKQuestion: raising(error), XrayQuestion: raising(error)})

    async def test_an_error_ends_a_command_in_one_way(self, place: Place, outcome: str) -> None:
        await place.member.slash(place.channel, "topk", prompt="Once")
        assert outcomes(place.env.bot) == {("topk", outcome): 1}


async def test_requests_to_discord_are_counted_by_resource_and_status_without_ids() -> None:
    metrics = Metrics()
    trace = metrics.http_trace()
    for method, path, status in (
        ("POST", "/api/v10/interactions/123456789012345678/token-canary/callback", 200),
        ("PATCH", "/api/v10/webhooks/123456789012345678/token-canary/messages/@original", 404),
        ("PUT", "/api/v10/channels/123456789012345678/messages/987654321098765432/reactions/x/@me", 204),
        ("GET", "/attachments/123456789012345678/987654321098765432/receipt.json", 200),
        ("GET", "/", 101),
        ("BREW", "/api/v10/coffee", 418),
    ):
        context = SimpleNamespace()
        request: Any = SimpleNamespace(
            method=method, url=SimpleNamespace(path=path), response=SimpleNamespace(status=status)
        )
        (begin,), (end,) = trace.on_request_start, trace.on_request_end
        await begin(None, context, None)  # type: ignore[arg-type]  # it reads neither the session nor more of a request
        await end(None, context, request)  # type: ignore[arg-type]  # it reads neither the session nor more of a request
    body = generate_latest(metrics.registry).decode()
    counted = {
        (sample.labels["method"], sample.labels["resource"], sample.labels["status"])
        for family in text_string_to_metric_families(body)
        for sample in family.samples
        if sample.name == "nightword_discord_requests_total"
    }
    assert counted == {
        ("POST", "interactions", "200"),
        ("PATCH", "webhooks", "404"),
        ("PUT", "channels", "204"),
        ("GET", "other", "200"),
        ("GET", "other", "101"),
        ("other", "other", "418"),
    }
    assert "canary" not in body


async def test_a_busy_event_loop_lags() -> None:
    metrics = Metrics()
    measuring = asyncio.create_task(metrics.measure_lag())
    await asyncio.sleep(0)
    threading.Event().wait(0.8)  # the loop is blocked for longer than the sleep of the measurement
    await until(lambda: "nightword_event_loop_lag_seconds_count 1.0" in generate_latest(metrics.registry).decode())
    measuring.cancel()
    body = generate_latest(metrics.registry).decode()
    assert 'nightword_event_loop_lag_seconds_bucket{le="0.25"} 0.0' in body


def test_two_bots_in_one_process_have_their_own_numbers(settings: Settings) -> None:
    first, second = Metrics(), Metrics()
    first.reconnect("resumed")
    assert "nightword_gateway_reconnects_total{" in generate_latest(first.registry).decode()
    assert "nightword_gateway_reconnects_total{" not in generate_latest(second.registry).decode()
