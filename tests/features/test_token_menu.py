"""The picture below a continuation, and the menu that goes on from another token."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot.app.client import Nightword
from bot.engine.model import EngineModel
from bot.engine.model_files import DEMO_FOLDER
from bot.engine.transformers.loading import load_model
from bot.features.continuation.picture import continuation_picture
from bot.questions.continuation import Continuation, ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.receipts.receipt import Receipt, read_receipt
from bot.settings import Settings
from tests.conftest import make_executor
from tests.features.messages import buttons, check_picture, parts_of, state_of
from tests.features.people import Place, embed_of

PROMPT = "The old man looked at the sea and"
WAYS: list[dict[str, Any]] = [
    {"max_new_tokens": 12},
    {"strategy": "sample", "seed": 7, "temperature": 1.1, "top_k": 30, "max_new_tokens": 30},
    {"strategy": "beam", "num_beams": 3, "max_new_tokens": 8},
]
each_way = pytest.mark.parametrize("options", WAYS, ids=["greedy", "sample", "beam"])


def own_answer(model: EngineModel, options: dict[str, Any]) -> Continuation:
    return model.answer(ContinuationQuestion(PROMPT, GenerationParameters.from_options(**options)))


def menu_of(message: Any) -> list[dict[str, Any]]:
    (menu,) = [part for part in parts_of(message) if "options" in part]
    return list(menu["options"])


async def receipt_of(message: Any) -> Receipt[Any]:
    return read_receipt(json.dumps(await state_of(message)))


async def ask(place: Place, options: dict[str, Any]) -> Any:
    return (await place.member.slash(place.channel, "continue", prompt=PROMPT, **options)).response


@each_way
async def test_the_picture_shows_the_model_s_own_probabilities(
    place: Place, demo_model: EngineModel, options: dict[str, Any]
) -> None:
    message = await ask(place, options)
    await check_picture(message)
    (picture,) = [attachment for attachment in message.attachments if attachment.filename == "picture.png"]
    expected = continuation_picture(own_answer(demo_model, options))
    shown = Image.open(io.BytesIO(await picture.read()))
    assert shown.tobytes() == Image.open(io.BytesIO(expected.png)).tobytes()
    assert picture.description == expected.alt


@each_way
async def test_the_menu_has_the_near_tokens_in_the_order_of_the_text(
    place: Place, demo_model: EngineModel, options: dict[str, Any]
) -> None:
    shown = menu_of(await ask(place, options))
    tokens = own_answer(demo_model, options).tokens
    near = {
        f"{position}:{other.token.id}": other.probability
        for position, token in enumerate(tokens)
        for other in token.others
        if other.probability >= token.probability / 2
    }
    best = sorted(near, key=lambda value: -near[value])[:25]
    assert shown
    assert [option["value"] for option in shown] == [value for value in near if value in best]
    for option in shown:
        position, id_ = map(int, option["value"].split(":"))
        (other,) = [other for other in tokens[position].others if other.token.id == id_]
        assert option["label"].endswith(f"  {other.probability:.0%}") or option["label"].endswith("<1%")
        assert option["description"].startswith(f"Token {position + 1}, instead of ")


@each_way
async def test_a_chosen_token_begins_another_text_that_is_replayed(
    place: Place, demo_model: EngineModel, options: dict[str, Any]
) -> None:
    message = await ask(place, options)
    before = (await receipt_of(message)).outcome.outputs[0]
    choice = menu_of(message)[-1]["value"]
    position, id_ = map(int, choice.split(":"))
    branch = (await place.other.select(message, [choice])).response
    assert branch.id != message.id
    assert not branch.ephemeral
    written = (*before[:position], id_)
    length = max(options["max_new_tokens"], len(written) + 20)
    parameters = GenerationParameters.from_options(**options).with_max_new_tokens(length)
    own = demo_model.answer(ContinuationQuestion(PROMPT, parameters, written, len(written)))
    receipt = await receipt_of(branch)
    assert receipt.outcome.outputs == (own.output_ids,)
    assert own.output_ids[: len(written)] == written
    fields = {field["name"]: field["value"] for field in embed_of(branch)["fields"]}
    assert fields["Continues from"] == f"token {position + 1}, chosen in the menu"
    await check_picture(branch)
    more = (await place.other.click(branch, label="Continue (20 more)")).response
    for answer in (branch, more):
        details = (await place.member.click(answer, label="Details")).response
        assert "No single terminal command reproduces this answer." in embed_of(details)["description"]
        assert (await place.member.click(details, label="Replay")).response.embeds[0].title == "Replay: identical"


async def test_retry_keeps_the_chosen_token(place: Place) -> None:
    message = await ask(place, WAYS[1])
    choice = menu_of(message)[3]["value"]
    branch = (await place.member.select(message, [choice])).response
    retried = (await place.member.click(branch, label="Retry")).response
    position, id_ = map(int, choice.split(":"))
    first, second = [(await receipt_of(answer)).outcome.outputs[0] for answer in (branch, retried)]
    assert second[: position + 1] == first[: position + 1]
    assert second[position] == id_
    assert second != first


async def test_a_later_branch_starts_from_its_own_token(place: Place) -> None:
    message = await ask(place, WAYS[1])
    branch = (await place.member.select(message, [menu_of(message)[0]["value"]])).response
    choice = menu_of(branch)[-1]["value"]
    position, id_ = map(int, choice.split(":"))
    (before,) = (await receipt_of(branch)).outcome.outputs
    receipt = await receipt_of((await place.member.select(branch, [choice])).response)
    assert receipt.outcome.outputs[0][: position + 1] == (*before[:position], id_)
    assert receipt.question.options()["fixed"] == position + 1


async def test_the_menu_works_after_a_restart(place: Place, demo_model: EngineModel, settings: Settings) -> None:
    message = await ask(place, WAYS[0])
    bot = Nightword(settings, make_executor(lambda: demo_model, settings))
    await place.env.restart_bot(bot)
    bot.executor.wait_until_loaded()
    branch = (await place.other.select(message, [menu_of(message)[0]["value"]])).response
    assert "Continues from" in [field["name"] for field in embed_of(branch)["fields"]]
    await bot.close()


async def test_another_model_s_text_has_no_other_token(place: Place, settings: Settings, tmp_path: Path) -> None:
    message = await ask(place, WAYS[0])
    model = load_model(str(shutil.copytree(DEMO_FOLDER, tmp_path / "another")), max_prompt_tokens=100)
    bot = Nightword(settings, make_executor(lambda: model, settings))
    await place.env.restart_bot(bot)
    bot.executor.wait_until_loaded()
    refused = await place.member.select(message, [menu_of(message)[0]["value"]])
    assert embed_of(refused.followups[-1])["description"] == (
        "This answer is from the model demo, but the bot now runs another. Ask again."
    )
    await bot.close()


async def test_a_private_continuation_stays_private(place: Place) -> None:
    message = await ask(place, {**WAYS[0], "private": True})
    branch = (await place.member.select(message, [menu_of(message)[0]["value"]])).response
    assert branch.ephemeral
    assert place.channel.history(viewer=place.other) == []


async def test_a_text_without_doubt_has_no_menu(place: Place) -> None:
    message = (
        await place.member.slash(place.channel, "continue", prompt="It was a dark and stormy", max_new_tokens=4)
    ).response
    assert [part for part in parts_of(message) if "options" in part] == []
    assert list(buttons(message)) == ["Continue (20 more)", "Details"]
    await check_picture(message)
