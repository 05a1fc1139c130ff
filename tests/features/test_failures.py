"""Failures as members see them: a model that loads or failed to load, refusals, timeouts, bugs."""

import asyncio
import logging
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
import simcord

from bot.engine.executor import ModelExecutor
from bot.engine.model import EngineModel
from bot.errors import ModelUnavailable
from bot.questions.language_model import LanguageModel
from bot.questions.topk import TopKQuestion
from bot.settings import Settings
from tests.engine.operations import IsCancelled, Operating, Operation, result_of
from tests.fakes import Answers, fake_model
from tests.features.people import Place, embed_of

COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ("topk", {"prompt": "Once"}),
    ("continue", {"prompt": "Once"}),
    ("sentiment", {"review": "Good."}),
    ("tokenize", {"text": "Once"}),
    ("xray", {"text": "Once upon a time"}),
    ("sampler", {"prompt": "Once"}),
    ("layers", {"prompt": "Once"}),
    ("contrast", {"a": "Once", "b": "Twice"}),
    ("compare", {"prompt": "Once", "max_new_tokens": 3}),
    ("guess", {"prompt": "Once"}),
    ("decide", {"text": "Once", "question": "spam"}),
    ("why", {"prompt": "Once upon"}),
]
every_command = pytest.mark.parametrize(("command", "options"), COMMANDS, ids=[name for name, _ in COMMANDS])


def only_ephemeral(place: Place, result: Any) -> dict[str, Any]:
    """Return the embed of the only message, and check that only the asker sees it."""
    messages = [message for message in (result.response, *result.followups) if message is not None]
    (message,) = messages
    assert message.ephemeral
    assert place.channel.history(viewer=place.other) == []
    return embed_of(message)


class TestWhileTheModelLoads:
    @pytest.fixture
    def loaded(self) -> threading.Event:
        return threading.Event()

    @pytest.fixture
    def load(self, demo_model: EngineModel, loaded: threading.Event) -> Callable[[], LanguageModel]:
        def load() -> LanguageModel:
            loaded.wait(30)
            return demo_model

        return load

    @every_command
    async def test_every_command_says_so_and_works_afterwards(
        self, simcord_env: simcord.Env, loaded: threading.Event, command: str, options: dict[str, Any]
    ) -> None:
        place = Place.build(simcord_env)
        result = await place.member.slash(place.channel, command, **options)
        assert only_ephemeral(place, result) == {
            "title": "Still loading",
            "description": "The model demo is still loading. Try again in a minute.",
            "color": 0xF0B232,
        }
        loaded.set()
        simcord_env.bot.executor.wait_until_loaded()  # type: ignore[attr-defined]  # the bot is ours
        assert (await place.member.slash(place.channel, command, **options)).response.embeds


@every_command
async def test_a_private_answer_is_for_the_asker_alone(place: Place, command: str, options: dict[str, Any]) -> None:
    result = await place.member.slash(place.channel, command, private=True, **options)
    assert result.response.ephemeral
    assert result.response.embeds
    assert place.channel.history(viewer=place.other) == []


async def test_a_failure_after_a_private_acknowledgement_is_its_answer(place: Place) -> None:
    result = await place.member.slash(place.channel, "topk", prompt="the " * 600, private=True)
    assert result.followups == []
    assert only_ephemeral(place, result)["title"] == "Too long"


@every_command
async def test_every_command_works_in_servers_in_direct_messages_and_for_user_installs(
    place: Place, command: str, options: dict[str, Any]
) -> None:
    (sync,) = [
        request for request in place.env.http_requests if (request.method, request.path[-9:]) == ("PUT", "/commands")
    ]
    assert sync.json is not None
    (schema,) = [schema for schema in sync.json if schema["name"] == command]
    assert sorted(schema["contexts"]) == [0, 1, 2]
    assert sorted(schema["integration_types"]) == [0, 1]
    result = await place.env.create_user("dora").slash(command, **options)
    assert result.response.embeds


class TestWhenTheModelCannotBeLoaded:
    @pytest.fixture
    def load(self) -> Callable[[], LanguageModel]:
        def load() -> LanguageModel:
            raise ModelUnavailable("no/such", "it is not on the hub")

        return load

    @every_command
    async def test_every_command_says_why(
        self, simcord_env: simcord.Env, command: str, options: dict[str, Any]
    ) -> None:
        place = Place.build(simcord_env)
        with pytest.raises(ModelUnavailable):
            simcord_env.bot.executor.wait_until_loaded()  # type: ignore[attr-defined]  # the bot is ours
        result = await place.member.slash(place.channel, command, **options)
        embed = only_ephemeral(place, result)
        assert embed["title"] == "Model unavailable"
        assert "it is not on the hub" in embed["description"]


class TestABugInTheModel:
    @pytest.fixture
    def model(self, demo_model: EngineModel) -> Any:
        def fail(_: object) -> None:
            raise ZeroDivisionError("secret detail")

        return fake_model(demo_model.info, {}, fail)

    @pytest.fixture
    def load(self, model: Any) -> Callable[[], LanguageModel]:
        return lambda: model

    @every_command
    async def test_the_asker_gets_the_reference_id_that_the_log_has_with_the_traceback(
        self, place: Place, caplog: pytest.LogCaptureFixture, command: str, options: dict[str, Any]
    ) -> None:
        result = await place.member.slash(place.channel, command, **options)
        embed = only_ephemeral(place, result)
        assert embed["title"] == "A bug in the bot"
        assert "secret detail" not in embed["description"]
        (reference,) = re.findall(r"`([0-9a-f]{8})`", embed["description"])
        (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert reference in record.getMessage()
        assert record.exc_info is not None
        assert isinstance(record.exc_info[1], ZeroDivisionError)
        simcord.assert_error(place.env, ZeroDivisionError)


class TestASlowModel:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(model="demo", request_timeout=0.3)

    @pytest.fixture
    def load(self, demo_model: EngineModel) -> Callable[[], LanguageModel]:
        slow: Answers = {TopKQuestion: lambda _: threading.Event().wait(1.0)}
        return lambda: fake_model(demo_model.info, slow, demo_model.answer)

    async def test_a_timeout_is_reported_in_private_and_the_next_request_is_served(self, place: Place) -> None:
        result = await place.member.slash(place.channel, "topk", prompt="Once")
        assert only_ephemeral(place, result) == {
            "title": "Took too long",
            "description": "The computation was stopped after 0.3 seconds, the time limit. Ask for fewer new tokens, "
            "or shorten the prompt.",
            "color": 0xF0B232,
        }
        assert (await place.other.slash(place.channel, "tokenize", text="Once")).response.embeds


class TestABusyModel:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(model="demo", queue_limit=1, user_limit=1)

    @pytest.fixture
    def load(self, demo_model: EngineModel) -> Callable[[], LanguageModel]:
        return lambda: Operating(demo_model)

    async def test_refusals_say_how_many_wait_and_are_the_first_response(self, place: Place) -> None:
        executor: ModelExecutor = place.env.bot.executor  # type: ignore[attr-defined]  # the bot is ours
        begun, opened = threading.Event(), threading.Event()

        def occupy(model: LanguageModel, should_stop: IsCancelled) -> None:
            begun.set()
            opened.wait(30)

        running = executor.submit(place.member.id, Operation(occupy))
        assert await asyncio.to_thread(begun.wait, 30)
        result = await place.member.slash(place.channel, "topk", prompt="Once")
        assert only_ephemeral(place, result) == {
            "title": "Too many requests",
            "description": "You already have 1 request waiting or running, which is the limit for one person (0 "
            "requests in the whole queue). Wait for an answer, then ask again.",
            "color": 0xF0B232,
        }
        waiting = executor.submit(1, Operation(lambda model, _: "served"))
        busy = await place.other.slash(place.channel, "topk", prompt="Once")
        assert busy.response.ephemeral
        assert embed_of(busy.response) == {
            "title": "Busy",
            "description": "The queue is full (1 of 1 request waiting). Try again in a minute.",
            "color": 0xF0B232,
        }
        callbacks = [request.json for request in place.env.http_requests if "/callback" in request.path]
        assert [callback and callback["type"] for callback in callbacks] == [4, 4]
        opened.set()
        await running
        assert await result_of(waiting) == "served"

    async def test_a_bot_that_is_closing_says_so(self, place: Place) -> None:
        place.env.bot.executor.close()  # type: ignore[attr-defined]  # the bot is ours
        result = await place.member.slash(place.channel, "topk", prompt="Once")
        assert only_ephemeral(place, result)["title"] == "Shutting down"


async def test_a_prompt_that_is_too_long_names_both_counts(place: Place) -> None:
    result = await place.member.slash(place.channel, "topk", prompt="the " * 600)
    embed = only_ephemeral(place, result)
    assert embed["title"] == "Too long"
    assert re.search(r"has \d{3} tokens, but the limit is 512", embed["description"])


@every_command
async def test_a_missing_or_empty_text_never_reaches_the_bot(
    place: Place, command: str, options: dict[str, Any]
) -> None:
    option, *_ = options
    # Without their text these open a form, or begin with a text of their own.
    if command not in {"continue", "sentiment", "guess", "decide"}:
        with pytest.raises(simcord.OptionError) as refused:
            await place.member.slash(place.channel, command)
        assert refused.value.code == "option-required"
    with pytest.raises(simcord.OptionError) as refused:
        await place.member.slash(place.channel, command, **options | {option: ""})
    assert refused.value.code == "option-length"
