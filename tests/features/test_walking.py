"""A walk along tokens below `/topk`, as members steer it."""

import json
import math
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.app.client import Nightword
from bot.engine.model import EngineModel
from bot.engine.model_files import DEMO_FOLDER
from bot.engine.transformers.loading import load_model
from bot.questions.language_model import LanguageModel
from bot.questions.topk import SampledStepQuestion, TopKQuestion, Walk
from bot.rendering.tables import percentage
from bot.settings import Settings
from tests.conftest import make_executor
from tests.fakes import fake_model
from tests.features.messages import buttons, parts_of
from tests.features.people import Place, embed_of

PROMPT = "The old man looked at the sea and"


def options(message: Any) -> list[dict[str, Any]]:
    return [option for part in parts_of(message) for option in part.get("options", [])]


async def walk_of(message: Any) -> dict[str, Any]:
    (file,) = [one for one in message.attachments if one.filename == "receipt.json"]
    receipt: dict[str, Any] = json.loads(await file.read())
    return {**receipt["options"], **receipt["state"]}


async def check(message: Any, model: EngineModel, ids: list[int], temperature: float) -> None:
    """Hold what a message shows against the model's own walk along `ids`."""
    own = model.answer(TopKQuestion(PROMPT, 10, tuple(ids), temperature))
    found = await walk_of(message)
    assert [step["id"] for step in found["steps"]] == ids
    assert found["temperature"] == temperature
    assert found["log_probability"] == pytest.approx(own.log_probability, abs=1e-5)
    embed = embed_of(message)
    assert embed["description"].replace("**", "").replace("\\", "").startswith(PROMPT + own.text.rstrip())
    assert [option["value"] for option in options(message)] == [str(one.candidate.token.id) for one in own.candidates]
    for one, option in zip(own.candidates, options(message), strict=True):
        assert option["label"].endswith(percentage(one.candidate.probability))
        assert percentage(one.candidate.probability) in embed["description"]
        if temperature != 1.0:
            assert percentage(one.probability_at_temperature) in embed["description"]
    fields = {field["name"]: field["value"] for field in embed.get("fields", [])}
    assert ("Joint probability of the path" in fields) == bool(ids)
    if ids:
        assert f"**{own.log_probability:.2f}**" in fields["Joint probability of the path"]
        path = next(value for name, value in fields.items() if name.startswith("Path of"))
        rows = path.split("\n")[2:-1]
        assert len(rows) == min(10, len(ids))
        for row, step in zip(rows, own.steps[-10:], strict=True):
            assert percentage(step.likelihood.probability) in row


async def test_a_walk_of_thirty_steps(place: Place, demo_model: EngineModel, settings: Settings) -> None:
    """With undo, a temperature, a restart in the middle, and a second person."""
    asked = (await place.member.slash(place.channel, "topk", prompt=PROMPT)).response
    choice, temperature = random.Random(1), 1.0
    ids: list[int] = []
    bots: list[Nightword] = []

    def seen() -> Any:
        return place.channel.history(viewer=place.member)[0]

    while len(ids) < 30:
        actor = place.member if len(ids) < 18 else choice.choice([place.member, place.other])
        if len(ids) == 6 and temperature == 1.0:
            shown = await place.member.click(asked, label="Temperature")
            await place.member.submit_modal(shown, {"temperature": "1,3"})
            temperature = 1.3
        elif len(ids) in {5, 22} and choice.random() < 0.7:
            await actor.click(asked, label="Undo")
            ids.pop()
        elif len(ids) == 12 and not bots:
            bots.append(Nightword(settings, make_executor(lambda: demo_model, settings)))
            await place.env.restart_bot(bots[0])
            bots[0].executor.wait_until_loaded()
            ids.append(await choose(actor, seen(), choice))
        elif len(ids) == 15 and (await walk_of(seen()))["is_open"] is False:
            refused = await place.other.select(seen(), [options(seen())[0]["value"]])
            assert refused.response.ephemeral
            assert embed_of(refused.response)["title"] == "Not yours"
            await place.member.click(seen(), label="Open to everyone")
        elif choice.random() < 0.4:
            await actor.click(seen(), label="Sample")
            step = (await walk_of(seen()))["steps"][-1]
            assert (step["how"], step["by"]) == ("drawn", actor.name)
            drawn = demo_model.answer(
                SampledStepQuestion(TopKQuestion(PROMPT, 1, tuple(ids), temperature), step["seed"])
            ).steps[-1]
            assert (step["id"], step["rank"]) == (drawn.token.id, drawn.likelihood.rank)
            ids.append(step["id"])
        else:
            ids.append(await choose(actor, seen(), choice))
        await check(seen(), demo_model, ids, temperature)
    found = await walk_of(seen())
    assert {step["by"] for step in found["steps"][18:]} == {"ada", "bob"}
    own = demo_model.answer(TopKQuestion(PROMPT, 10, tuple(ids), temperature))
    assert math.isclose(sum(step["log_probability"] for step in found["steps"]), own.log_probability, abs_tol=1e-4)
    path = next(field["value"] for field in embed_of(seen())["fields"] if field["name"].startswith("Path of 30 steps"))
    assert " ada " in path
    assert " bob " in path
    await bots[0].close()


async def choose(actor: Any, message: Any, choice: random.Random) -> int:
    value = choice.choice(options(message)[:5])["value"]
    await actor.select(message, [value])
    return int(value)


async def test_only_the_opener_steers_until_everyone_may(place: Place) -> None:
    asked = (await place.member.slash(place.channel, "topk", prompt=PROMPT)).response
    assert buttons(asked) == {
        "Sample": True,
        "Undo": False,
        "Temperature": True,
        "Open to everyone": True,
        "Details": True,
    }
    before = await walk_of(asked)
    for label in ("Sample", "Temperature", "Open to everyone"):
        refused = (await place.other.click(asked, label=label)).response
        assert refused.ephemeral
        assert embed_of(refused) == {
            "title": "Not yours",
            "description": "Only the person who started this walk can control it. Use /topk to start your own.",
            "color": 0xF0B232,
        }
    assert await walk_of(place.channel.history(viewer=place.member)[0]) == before
    await place.member.click(asked, label="Open to everyone")
    await place.other.click(asked, label="Sample")
    (message,) = place.channel.history(viewer=place.member)
    assert buttons(message) == {"Sample": True, "Undo": True, "Temperature": True, "Details": True}
    assert [step["by"] for step in (await walk_of(message))["steps"]] == ["bob"]


async def test_a_press_that_comes_too_late_is_told_so(place: Place) -> None:
    asked = (await place.member.slash(place.channel, "topk", prompt=PROMPT)).response
    form = await place.member.click(asked, label="Temperature")
    await place.member.click(asked, label="Sample")
    (message,) = place.channel.history(viewer=place.member)
    stood = await walk_of(message)
    late = await place.member.submit_modal(form, {"temperature": "2"})
    told = [one for one in (late.response, *late.followups) if one is not None and one.ephemeral]
    assert [embed_of(one)["description"][:28] for one in told] == ["Someone else got there first"]
    assert await walk_of(place.channel.history(viewer=place.member)[0]) == stood


@pytest.mark.parametrize("written", ["warm", "0", "99", "nan", ""])
async def test_a_temperature_that_is_none_is_refused(place: Place, written: str) -> None:
    asked = (await place.member.slash(place.channel, "topk", prompt=PROMPT)).response
    shown = await place.member.click(asked, label="Temperature")
    if not written:
        return
    refused = (await place.member.submit_modal(shown, {"temperature": written})).response
    assert refused.ephemeral
    assert embed_of(refused)["title"] == "Out of range"
    await place.member.click(asked, label="Sample")
    assert len((await walk_of(place.channel.history(viewer=place.member)[0]))["steps"]) == 1


class TestAtTheEndOfTheText:
    @pytest.fixture
    def load(self, demo_model: EngineModel) -> Callable[[], LanguageModel]:
        def at_the_end(question: TopKQuestion) -> Walk:
            return replace(demo_model.answer(question), ended=bool(question.after_ids))

        return lambda: fake_model(demo_model.info, {TopKQuestion: at_the_end})

    async def test_there_is_only_the_way_back(self, place: Place) -> None:
        asked = (await place.member.slash(place.channel, "topk", prompt=PROMPT)).response
        await place.member.select(asked, [options(asked)[0]["value"]])
        (message,) = place.channel.history(viewer=place.member)
        assert "The text has ended" in message.embeds[0].description
        assert buttons(message) == {"Undo": True, "Details": True}
        assert options(message) == []
        await place.member.click(asked, label="Undo")
        assert options(place.channel.history(viewer=place.member)[0])


async def test_a_private_walk_stays_private(place: Place) -> None:
    asked = (await place.member.slash(place.channel, "topk", prompt=PROMPT, private=True)).response
    assert list(buttons(asked)) == ["Sample", "Undo", "Temperature", "Details"]
    stepped = await place.member.click(asked, label="Sample")
    assert place.channel.history(viewer=place.other) == []
    shown = next(one for one in (stepped.response, asked) if one is not None)
    assert shown.ephemeral


async def test_in_a_direct_message(place: Place) -> None:
    dora = place.env.create_user("dora")
    asked = (await dora.slash("topk", prompt=PROMPT)).response
    assert list(buttons(asked)) == ["Sample", "Undo", "Temperature", "Details"]
    await dora.click(asked, label="Sample")


async def test_a_file_that_is_gone_is_said_to_be_and_the_walk_stands(place: Place) -> None:
    asked = (await place.member.slash(place.channel, "topk", prompt=PROMPT)).response
    place.env.backend.get_message(place.channel.id, asked.id).attachments.clear()
    for _ in range(2):
        result = await place.member.click(asked, label="Sample")
        (refusal,) = result.followups
        assert refusal.ephemeral
        assert embed_of(refusal)["title"] == "Expired"
        assert "receipt.json" in embed_of(refusal)["description"]


async def test_another_model_does_not_go_on(place: Place, settings: Settings, tmp_path: Path) -> None:
    asked = (await place.member.slash(place.channel, "topk", prompt=PROMPT)).response
    model = load_model(str(shutil.copytree(DEMO_FOLDER, tmp_path / "another")), max_prompt_tokens=100)
    bot = Nightword(settings, make_executor(lambda: model, settings))
    await place.env.restart_bot(bot)
    bot.executor.wait_until_loaded()
    (refusal,) = (await place.member.click(asked, label="Sample")).followups
    assert embed_of(refusal)["description"].startswith(
        "This answer is from the model demo, but the bot now runs another."
    )
    await bot.close()


async def test_a_walk_that_fills_the_context_is_told_so(place: Place) -> None:
    asked = (await place.member.slash(place.channel, "topk", prompt="the" + " the" * 510)).response
    first = await place.member.click(asked, label="Sample")
    second = await place.member.click(asked, label="Sample")
    told = [one for result in (first, second) for one in result.followups]
    assert [embed_of(one)["title"] for one in told] == ["Too long"]
