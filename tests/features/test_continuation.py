"""`/continue` as a member meets it."""

from typing import Any

import pytest

from bot.engine.model import EngineModel
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.settings import Settings
from tests.features.people import Place, embed_of

PROMPT = "It was a dark and stormy"


def expected_text(model: EngineModel, **options: Any) -> str:
    return model.answer(ContinuationQuestion(PROMPT, GenerationParameters.from_options(**options))).text


async def test_greedy(place: Place, demo_model: EngineModel) -> None:
    result = await place.member.slash(place.channel, "continue", prompt=PROMPT)
    embed = embed_of(result.response)
    assert float(embed["fields"].pop()["value"].removesuffix(" tokens/s")) > 0
    text = expected_text(demo_model).removeprefix(" ")
    assert embed == {
        "title": "Continuation",
        "description": f"{PROMPT} **{text}**",
        "color": 0x5865F2,
        "fields": [
            {
                "name": "Parameters",
                "value": "`strategy=greedy` · `max_new_tokens=20` · `do_sample=False` · `top_k=0` · "
                "`repetition_penalty=1`",
            },
            {"name": "Stopped", "value": "at the limit of 20 new tokens"},
        ],
        "footer": "demo · float32",
    }


@pytest.mark.parametrize(
    "options",
    [
        {"strategy": "sample", "seed": 7, "temperature": 1.1, "top_k": 30, "top_p": 0.9, "max_new_tokens": 30},
        {"strategy": "beam", "num_beams": 3, "repetition_penalty": 1.5},
    ],
    ids=lambda options: str(options["strategy"]),
)
async def test_every_option_reaches_the_model_and_is_shown(
    place: Place, demo_model: EngineModel, options: dict[str, Any]
) -> None:
    result = await place.member.slash(place.channel, "continue", prompt=PROMPT, **options)
    embed = result.response.embeds[0]
    shown = embed.description.replace("**", "").replace("\\", "")
    assert shown == PROMPT + expected_text(demo_model, **options)
    for name, value in options.items():
        assert f"`{name}={value:g}`" in embed.fields[0].value if name != "strategy" else value


async def test_a_drawn_seed_is_shown_and_repeats_the_text(place: Place) -> None:
    first = await place.member.slash(place.channel, "continue", prompt=PROMPT, strategy="sample")
    parameters = first.response.embeds[0].fields[0].value
    seed = int(parameters.rpartition("seed=")[2].removesuffix("`"))
    again = await place.other.slash(place.channel, "continue", prompt=PROMPT, strategy="sample", seed=seed)
    assert again.response.embeds[0].description == first.response.embeds[0].description


async def test_an_option_of_another_strategy_is_refused_for_the_asker_alone(place: Place) -> None:
    result = await place.member.slash(place.channel, "continue", prompt=PROMPT, temperature=0.5)
    assert result.response.ephemeral
    assert embed_of(result.response) == {
        "title": "Option has no effect",
        "description": "temperature has no effect with strategy greedy. Leave it out, or choose strategy sample.",
        "color": 0xF0B232,
    }
    assert place.channel.history(viewer=place.other) == []


async def test_a_text_that_is_cut_in_the_embed_is_attached_whole(place: Place, demo_model: EngineModel) -> None:
    prompt = "It was a dark night and the wind blew. " * 20
    result = await place.member.slash(place.channel, "continue", prompt=prompt.strip())
    attachment = next(file for file in result.response.attachments if file.filename.endswith(".txt"))
    text = demo_model.answer(ContinuationQuestion(prompt.strip(), GenerationParameters.from_options())).text
    assert attachment.filename == "continuation.txt"
    assert (await attachment.read()).decode() == prompt.strip() + text
    assert result.response.embeds[0].description.startswith("… ")


@pytest.mark.parametrize("settings", [Settings(model="demo", max_new_tokens=5)])
async def test_a_lower_limit_of_new_tokens_is_named(place: Place) -> None:
    result = await place.member.slash(place.channel, "continue", prompt=PROMPT, max_new_tokens=6)
    assert result.response.ephemeral
    assert "must be from 1 to 5" in result.response.embeds[0].description
