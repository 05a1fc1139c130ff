"""The buttons below a continuation, Continue and Retry, also after a restart of the bot."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bot.app.client import Nightword
from bot.engine.model import EngineModel
from bot.engine.model_files import DEMO_FOLDER
from bot.engine.transformers.loading import load_model
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.receipts.receipt import read_receipt
from bot.settings import Settings
from tests.conftest import make_executor
from tests.features.messages import buttons, state_of
from tests.features.people import Place, embed_of

PROMPT = "The old man looked at the sea and"
SAMPLE: dict[str, Any] = {"strategy": "sample", "seed": 7, "temperature": 1.1, "top_k": 30, "max_new_tokens": 12}


def text_of(message: Any) -> str:
    return str(message.embeds[0].description).replace("**", "").replace("\\", "")


@pytest.mark.parametrize("options", [SAMPLE, {}, {"repetition_penalty": 1.3}], ids=["sample", "greedy", "penalty"])
async def test_continue_gives_the_same_text_as_one_longer_request(
    place: Place, demo_model: EngineModel, options: dict[str, Any]
) -> None:
    first = await place.member.slash(place.channel, "continue", prompt=PROMPT, **options)
    more = await place.other.click(first.response, label="Continue (20 more)")
    parameters = GenerationParameters.from_options(**options)
    whole = demo_model.answer(
        ContinuationQuestion(PROMPT, parameters.with_max_new_tokens(parameters.max_new_tokens + 20))
    )
    assert text_of(more.response) == PROMPT + whole.text
    assert buttons(first.response) == buttons(more.response)
    again = await place.member.click(more.response, label="Continue (20 more)")
    assert text_of(again.response).startswith(PROMPT + whole.text)
    (output_ids,) = read_receipt(json.dumps(await state_of(again.response))).outcome.outputs
    assert len(output_ids) == parameters.max_new_tokens + 40


async def test_a_beam_search_is_continued_after_its_text(place: Place) -> None:
    first = await place.member.slash(place.channel, "continue", prompt=PROMPT, strategy="beam", max_new_tokens=8)
    more = await place.member.click(first.response, label="Continue (20 more)")
    assert text_of(more.response).startswith(text_of(first.response))
    assert len(text_of(more.response)) > len(text_of(first.response))


async def test_retry_draws_another_text_with_a_seed_that_is_shown(place: Place) -> None:
    first = await place.member.slash(place.channel, "continue", prompt=PROMPT, **SAMPLE)
    retried = await place.member.click(first.response, label="Retry")
    receipt = read_receipt(json.dumps(await state_of(retried.response)))
    seed = receipt.question.options()["seed"]
    assert seed != 7
    assert f"`seed={seed}`" in retried.response.embeds[0].fields[0].value
    assert text_of(retried.response) != text_of(first.response)
    greedy = await place.member.slash(place.channel, "continue", prompt=PROMPT)
    assert list(buttons(greedy.response)) == ["Continue (20 more)", "Details"]


async def test_the_buttons_work_after_a_restart(place: Place, demo_model: EngineModel, settings: Settings) -> None:
    first = await place.member.slash(place.channel, "continue", prompt=PROMPT, **SAMPLE)
    bot = Nightword(settings, make_executor(lambda: demo_model, settings))
    await place.env.restart_bot(bot)
    bot.executor.wait_until_loaded()
    more = await place.member.click(first.response, label="Continue (20 more)")
    assert text_of(more.response).startswith(text_of(first.response))
    assert (await place.member.click(first.response, label="Retry")).response.embeds
    await bot.close()


async def test_a_private_continuation_is_continued_in_private(place: Place) -> None:
    first = await place.member.slash(place.channel, "continue", prompt=PROMPT, private=True)
    more = await place.member.click(first.response, label="Continue (20 more)")
    assert more.response.ephemeral
    assert place.channel.history(viewer=place.other) == []


async def test_another_model_s_text_is_not_continued(place: Place, settings: Settings, tmp_path: Path) -> None:
    first = await place.member.slash(place.channel, "continue", prompt=PROMPT)
    other = shutil.copytree(DEMO_FOLDER, tmp_path / "another")
    model = load_model(str(other), max_prompt_tokens=100)
    bot = Nightword(settings, make_executor(lambda: model, settings))
    await place.env.restart_bot(bot)
    bot.executor.wait_until_loaded()
    refused = await place.member.click(first.response, label="Continue (20 more)")
    assert embed_of(refused.followups[-1]) == {
        "title": "Expired",
        "description": "This answer is from the model demo, but the bot now runs another. Ask again.",
        "color": 0xF0B232,
    }
    await bot.close()


async def test_a_text_that_fills_the_context_is_not_continued(place: Place) -> None:
    prompt = "the " * 500
    first = await place.member.slash(place.channel, "continue", prompt=prompt.strip(), max_new_tokens=10)
    refused = await place.member.click(first.response, label="Continue (20 more)")
    embed = embed_of(refused.followups[-1])
    assert embed["title"] == "Too long"
    assert "30 of them reserved for new ones" in embed["description"]
    assert len(place.channel.history(viewer=place.other)) == 1
