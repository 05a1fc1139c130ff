"""`/model` as a member meets it: loaded, loading, failed, computing."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import simcord

from bot import __version__
from bot.engine.model import EngineModel
from bot.errors import ModelUnavailable
from bot.questions.language_model import LanguageModel
from tests.engine.operations import Operating, Operation
from tests.fakes import fake_model
from tests.features.people import Place


def facts(message: Any) -> dict[str, str]:
    (embed,) = message.embeds
    assert embed.footer.text == f"Nightword {__version__}"
    return {"": embed.description} | {field.name: field.value for field in embed.fields}


async def test_the_model_and_its_state(place: Place, demo_model: EngineModel) -> None:
    result = await place.member.slash(place.channel, "model")
    assert facts(result.response) == {
        "": "demo",
        "Revision": "local files",
        "Parameters": "5,773,568",
        "Computation": ", ".join(filter(None, ("float32 on cpu", demo_model.info.engine_path))),
        "Measured at loading": demo_model.info.path_reason,
        "Context": "512 tokens",
        "Vocabulary": "4,096 tokens",
        "State": "ready",
        "Queue": "0 of 32 waiting",
    }
    assert not result.response.ephemeral
    assert (await place.member.slash(place.channel, "model", private=True)).response.ephemeral


class TestFromAGgufFile:
    @pytest.fixture
    def load(self, demo_model: EngineModel) -> Callable[[], LanguageModel]:
        info = replace(demo_model.info, name="/models/small.gguf", short_name="small.gguf", quantization="Q4_1")
        return lambda: fake_model(info, {})

    async def test_its_quantization_is_shown_with_the_dtype(self, place: Place) -> None:
        shown = facts((await place.member.slash(place.channel, "model")).response)
        assert shown["Computation"].startswith("Q4\\_1 in float32 on cpu")
        assert shown["Revision"] == "local files"


class TestOnAServer:
    @pytest.fixture
    def load(self, demo_model: EngineModel) -> Callable[[], LanguageModel]:
        info = replace(
            demo_model.info, engine="vllm", device="server", engine_path="vLLM 0.32.0", weights="unverified",
            problem="it is busy (status 429)",
        )  # fmt: skip
        return lambda: fake_model(info, {})

    async def test_its_state_and_what_it_can_answer(self, place: Place) -> None:
        shown = facts((await place.member.slash(place.channel, "model")).response)
        assert shown["Computation"] == "float32 on server, vLLM 0.32.0"
        assert shown["Weights"] == "unverified"
        assert shown["State"] == "degraded: the model's server can't be used, because it is busy (status 429)"
        questions = shown["Questions"].splitlines()
        assert questions[0] == "- /tokenize: **exact** (the model's own tokenizer)"
        assert questions[-1].startswith("- /sampler with repetition\\_penalty: **refused** (a penalty needs logits")


class TestWhileItComputes:
    @pytest.fixture
    def load(self, demo_model: EngineModel) -> Callable[[], LanguageModel]:
        return lambda: Operating(demo_model)

    async def test_it_says_so(self, place: Place) -> None:
        begun, opened = threading.Event(), threading.Event()

        def occupy(model: LanguageModel, is_cancelled: object) -> None:
            begun.set()
            opened.wait(30)

        executor = place.env.bot.executor  # type: ignore[attr-defined]  # the bot is ours
        running = executor.submit(1, Operation(occupy))
        waiting = executor.submit(2, Operation(occupy))
        assert await asyncio.to_thread(begun.wait, 30)
        shown = facts((await place.member.slash(place.channel, "model")).response)
        assert (shown["State"], shown["Queue"]) == ("computing", "1 of 32 waiting")
        opened.set()
        await running
        await waiting


class TestBeforeItIsLoaded:
    @pytest.fixture
    def loaded(self) -> threading.Event:
        return threading.Event()

    @pytest.fixture
    def load(self, loaded: threading.Event) -> Callable[[], LanguageModel]:
        def load() -> LanguageModel:
            loaded.wait(30)
            raise ModelUnavailable("demo", "it is gone")

        return load

    async def test_it_says_so_and_then_that_it_failed(self, simcord_env: simcord.Env, loaded: threading.Event) -> None:
        place = Place.build(simcord_env)
        shown = facts((await place.member.slash(place.channel, "model")).response)
        assert shown == {"": "demo", "State": "loading", "Queue": "0 of 32 waiting"}
        loaded.set()
        with pytest.raises(ModelUnavailable):
            simcord_env.bot.executor.wait_until_loaded()  # type: ignore[attr-defined]  # the bot is ours
        shown = facts((await place.member.slash(place.channel, "model")).response)
        assert shown["State"] == "could not be loaded"
