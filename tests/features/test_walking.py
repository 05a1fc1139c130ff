"""A walk below `/topk`, as members control it."""

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
from tests.features.messages import buttons, names_of, parts_of, remove_state, state_of
from tests.features.people import Place, embed_of

PROMPT = "The old man looked at the sea and"


def options(message: Any) -> list[dict[str, Any]]:
    return [option for part in parts_of(message) for option in part.get("options", [])]


async def walk_of(message: Any) -> dict[str, Any]:
    receipt = await state_of(message)
    return {**receipt["options"], **receipt["state"]}


async def check(message: Any, model: EngineModel, ids: list[int], temperature: float) -> None:
    """Compare a message with the model's own walk along `ids`."""
    own = model.answer(TopKQuestion(PROMPT, 10, tuple(ids), temperature))
    walk = await walk_of(message)
    assert [step["id"] for step in walk["steps"]] == ids
    assert walk["temperature"] == temperature
    assert walk["log_probability"] == pytest.approx(own.log_probability, abs=1e-5)
    embed = embed_of(message)
    assert embed["description"].replace("**", "").replace("\\", "").startswith(PROMPT + own.text.rstrip())
    assert [option["value"] for option in options(message)] == [
        str(entry.candidate.token.id) for entry in own.candidates
    ]
    for entry, option in zip(own.candidates, options(message), strict=True):
        assert option["label"].endswith(percentage(entry.candidate.probability))
        assert percentage(entry.candidate.probability) in embed["description"]
        if temperature != 1.0:
            assert percentage(entry.probability_at_temperature) in embed["description"]
    fields = {field["name"]: field["value"] for field in embed.get("fields", [])}
    if ids:
        (path,) = [value for name, value in fields.items() if name.startswith("Path of")]
        *lines, _, joint = path.split("\n")
        assert f"**{own.log_probability:.2f}**" in joint
        assert len(lines[2:]) == min(5, len(ids))
        for row, step in zip(lines[2:], own.steps[-5:], strict=True):
            assert percentage(step.likelihood.probability) in row


async def test_a_walk_of_thirty_steps(place: Place, demo_model: EngineModel, settings: Settings) -> None:
    """It includes undo, a temperature, a restart, and a second person."""
    answer = (await place.member.slash(place.channel, "topk", prompt=PROMPT)).response
    choice, temperature = random.Random(1), 1.0
    ids: list[int] = []
    bots: list[Nightword] = []

    def last_message() -> Any:
        return place.channel.history(viewer=place.member)[0]

    while len(ids) < 30:
        actor = place.member if len(ids) < 18 else choice.choice([place.member, place.other])
        if len(ids) == 6 and temperature == 1.0:
            shown = await place.member.click(answer, label="Temperature")
            await place.member.submit_modal(shown, {"temperature": "1,3"})
            temperature = 1.3
        elif len(ids) in {5, 22} and choice.random() < 0.7:
            await actor.click(answer, label="Undo")
            ids.pop()
        elif len(ids) == 12 and not bots:
            bots.append(Nightword(settings, make_executor(lambda: demo_model, settings)))
            await place.env.restart_bot(bots[0])
            bots[0].executor.wait_until_loaded()
            ids.append(await choose(actor, last_message(), choice))
        elif len(ids) == 15 and buttons(last_message()).get("Open to everyone"):
            refused = await place.other.select(last_message(), [options(last_message())[0]["value"]])
            assert refused.response.ephemeral
            assert embed_of(refused.response)["title"] == "Not yours"
            await place.member.click(last_message(), label="Open to everyone")
        elif choice.random() < 0.4:
            await actor.click(last_message(), label="Sample")
            step = (await walk_of(last_message()))["steps"][-1]
            assert step["how"] == "drawn"
            drawn = demo_model.answer(
                SampledStepQuestion(TopKQuestion(PROMPT, 1, tuple(ids), temperature), step["seed"])
            ).steps[-1]
            assert (step["id"], step["rank"]) == (drawn.token.id, drawn.likelihood.rank)
            ids.append(step["id"])
        else:
            ids.append(await choose(actor, last_message(), choice))
        await check(last_message(), demo_model, ids, temperature)
    walk = await walk_of(last_message())
    assert len(names_of(last_message())) == 20
    assert set(names_of(last_message())) == {"ada", "bob"}
    own = demo_model.answer(TopKQuestion(PROMPT, 10, tuple(ids), temperature))
    assert math.isclose(sum(step["log_probability"] for step in walk["steps"]), own.log_probability, abs_tol=1e-4)
    path = next(
        field["value"] for field in embed_of(last_message())["fields"] if field["name"].startswith("Path of 30 steps")
    )
    assert [row.split()[2] for row in path.split("\n")[2:7]] == names_of(last_message())[-5:]
    await bots[0].close()


async def choose(actor: Any, message: Any, choice: random.Random) -> int:
    value = choice.choice(options(message)[:5])["value"]
    await actor.select(message, [value])
    return int(value)


async def test_only_the_opener_controls_a_walk_until_it_is_open_to_everyone(place: Place) -> None:
    answer = (await place.member.slash(place.channel, "topk", prompt=PROMPT)).response
    assert buttons(answer) == {
        "Sample": True,
        "Undo": False,
        "Temperature": True,
        "Open to everyone": True,
        "Details": True,
    }
    before = await walk_of(answer)
    for label in ("Sample", "Temperature", "Open to everyone"):
        refused = (await place.other.click(answer, label=label)).response
        assert refused.ephemeral
        assert embed_of(refused) == {
            "title": "Not yours",
            "description": "Only the person who started this walk can control it. Use /topk to start your own.",
            "color": 0xF0B232,
        }
    assert await walk_of(place.channel.history(viewer=place.member)[0]) == before
    await place.member.click(answer, label="Open to everyone")
    await place.other.click(answer, label="Sample")
    (message,) = place.channel.history(viewer=place.member)
    assert buttons(message) == {"Sample": True, "Undo": True, "Temperature": True, "Details": True}
    assert names_of(message) == ["bob"]


async def test_a_late_press_is_refused(place: Place) -> None:
    answer = (await place.member.slash(place.channel, "topk", prompt=PROMPT)).response
    form = await place.member.click(answer, label="Temperature")
    await place.member.click(answer, label="Sample")
    (message,) = place.channel.history(viewer=place.member)
    before = await walk_of(message)
    late = await place.member.submit_modal(form, {"temperature": "2"})
    replies = [reply for reply in (late.response, *late.followups) if reply is not None and reply.ephemeral]
    assert [embed_of(reply)["description"][:28] for reply in replies] == ["Someone else got there first"]
    assert await walk_of(place.channel.history(viewer=place.member)[0]) == before


@pytest.mark.parametrize("written", ["warm", "0", "99", "nan", ""])
async def test_an_invalid_temperature_is_refused(place: Place, written: str) -> None:
    answer = (await place.member.slash(place.channel, "topk", prompt=PROMPT)).response
    shown = await place.member.click(answer, label="Temperature")
    if not written:
        return
    refused = (await place.member.submit_modal(shown, {"temperature": written})).response
    assert refused.ephemeral
    assert embed_of(refused)["title"] == "Out of range"
    await place.member.click(answer, label="Sample")
    assert len((await walk_of(place.channel.history(viewer=place.member)[0]))["steps"]) == 1


class TestAtTheEndOfTheText:
    @pytest.fixture
    def load(self, demo_model: EngineModel) -> Callable[[], LanguageModel]:
        def at_the_end(question: TopKQuestion) -> Walk:
            return replace(demo_model.answer(question), ended=bool(question.after_ids))

        return lambda: fake_model(demo_model.info, {TopKQuestion: at_the_end})

    async def test_only_undo_is_offered(self, place: Place) -> None:
        answer = (await place.member.slash(place.channel, "topk", prompt=PROMPT)).response
        await place.member.select(answer, [options(answer)[0]["value"]])
        (message,) = place.channel.history(viewer=place.member)
        assert "The text has ended" in message.embeds[0].description
        assert buttons(message) == {"Undo": True, "Details": True}
        assert options(message) == []
        await place.member.click(answer, label="Undo")
        assert options(place.channel.history(viewer=place.member)[0])


async def test_a_private_walk_stays_private(place: Place) -> None:
    answer = (await place.member.slash(place.channel, "topk", prompt=PROMPT, private=True)).response
    assert list(buttons(answer)) == ["Sample", "Undo", "Temperature", "Details"]
    stepped = await place.member.click(answer, label="Sample")
    assert place.channel.history(viewer=place.other) == []
    shown = next(message for message in (stepped.response, answer) if message is not None)
    assert shown.ephemeral


async def test_a_walk_works_in_a_direct_message(place: Place) -> None:
    dora = place.env.create_user("dora")
    answer = (await dora.slash("topk", prompt=PROMPT)).response
    assert list(buttons(answer)) == ["Sample", "Undo", "Temperature", "Details"]
    await dora.click(answer, label="Sample")


async def test_missing_data_is_named_at_every_press(place: Place) -> None:
    answer = (await place.member.slash(place.channel, "topk", prompt=PROMPT)).response
    remove_state(place.env, answer)
    for _ in range(2):
        result = await place.member.click(answer, label="Sample")
        (refusal,) = result.followups
        assert refusal.ephemeral
        assert embed_of(refusal)["title"] == "Expired"
        assert "no longer has the data" in embed_of(refusal)["description"]


async def test_a_walk_is_not_continued_by_another_model(place: Place, settings: Settings, tmp_path: Path) -> None:
    answer = (await place.member.slash(place.channel, "topk", prompt=PROMPT)).response
    model = load_model(str(shutil.copytree(DEMO_FOLDER, tmp_path / "another")), max_prompt_tokens=100)
    bot = Nightword(settings, make_executor(lambda: model, settings))
    await place.env.restart_bot(bot)
    bot.executor.wait_until_loaded()
    (refusal,) = (await place.member.click(answer, label="Sample")).followups
    assert embed_of(refusal)["description"].startswith(
        "This answer is from the model demo, but the bot now runs another."
    )
    await bot.close()


async def test_a_walk_that_fills_the_context_is_refused_another_step(place: Place) -> None:
    answer = (await place.member.slash(place.channel, "topk", prompt="the" + " the" * 510)).response
    first = await place.member.click(answer, label="Sample")
    second = await place.member.click(answer, label="Sample")
    replies = [reply for result in (first, second) for reply in result.followups]
    assert [embed_of(reply)["title"] for reply in replies] == ["Too long"]
