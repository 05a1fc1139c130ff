"""`/guess` as members play it."""

import json
import re
from typing import Any

import discord
import pytest
import torch

from bot.app.client import Nightword
from bot.engine.model import EngineModel
from bot.engine.model_files import DEMO_FOLDER
from bot.features.guess.embed import MOST_GUESSERS
from bot.features.guess.openings import OPENINGS
from bot.questions.topk import TopKQuestion
from bot.rendering.tables import PHONE_WIDTH, next_tokens_table, percentage
from bot.settings import Settings
from tests.conftest import make_executor
from tests.engine.plain import plain_transformers
from tests.features.messages import buttons, check_picture
from tests.features.people import Place, embed_of

PROMPT = "It was a dark and stormy"


async def opened(place: Place, prompt: str = PROMPT, **options: Any) -> Any:
    return (await place.member.slash(place.channel, "guess", prompt=prompt, **options)).response


async def guess(actor: Any, message: Any, text: str) -> Any:
    """Guess, and return what the guesser alone is told."""
    form = await actor.click(message, label="Guess")
    result = await actor.submit_modal(form, {"guess": text})
    (told,) = [one for one in (result.response, *result.followups) if one is not None and one.id != message.id]
    assert told.ephemeral
    return told


async def file_of(message: Any, name: str = "guess.json") -> dict[str, Any]:
    (file,) = [one for one in message.attachments if one.filename == name]
    found: dict[str, Any] = json.loads(await file.read())
    return found


async def scores_of(message: Any) -> list[dict[str, Any]]:
    scores: list[dict[str, Any]] = (await file_of(message, "receipt.json"))["state"]["scores"]
    return scores


def seen(place: Place) -> Any:
    return [one for one in place.channel.history() if not one.flags.ephemeral][-1]


def people(place: Place, count: int, **permissions: bool) -> list[Any]:
    """Return more members, who may do what `permissions` say."""
    guild = place.channel.guild
    role = guild.create_role("guests", permissions=discord.Permissions(**permissions))
    return [guild.add_member(place.env.create_user(f"guest{number}"), roles=[role]) for number in range(count)]


async def revealed(place: Place, message: Any) -> Any:
    await place.member.click(message, label="Reveal")
    return seen(place)


def fields(message: Any) -> dict[str, str]:
    return {field["name"]: field["value"] for field in embed_of(message)["fields"]}


async def test_a_round_opens(place: Place, demo_model: EngineModel) -> None:
    message = await opened(place)
    (favourite,) = demo_model.answer(TopKQuestion(PROMPT, 1)).next_tokens.candidates
    assert embed_of(message) == {
        "title": "What comes next?",
        "description": f"{PROMPT} **▁**",
        "color": 0x5865F2,
        "fields": [
            {
                "name": "How to play",
                "value": (
                    "Press *Guess* and write what you think comes next. Only the first token counts. The model's "
                    f"favourite has a probability of **{percentage(favourite.probability)}** and is worth "
                    "**100 points**. Any other token is worth 100 × its probability ÷ the favourite's."
                ),
            },
            {"name": "Players", "value": "*No guesses yet.*"},
        ],
        "footer": "demo · float32",
    }
    assert buttons(message) == {"Guess": True, "Reveal": True}


async def test_the_scoreboard_has_the_model_s_own_numbers(place: Place, demo_model: EngineModel) -> None:
    message = await opened(place)
    await guess(place.member, message, "day")
    told = await guess(place.other, message, "nightfall")
    assert embed_of(told) == {
        "title": "Guess saved",
        "description": (
            "Your guess begins with the token **·night** (· is a space). Only this token counts.\n"
            "Guess again to replace it. It stays hidden until the reveal."
        ),
        "color": 0x248046,
    }
    assert fields(seen(place))["Players: 2 of 20"] == "ada, bob"
    shown = await revealed(place, message)

    model, tokenizer = plain_transformers(DEMO_FOLDER)
    with torch.no_grad():
        logits = model(torch.tensor([tokenizer(PROMPT).input_ids])).logits[0, -1]
    night, day = (tokenizer(word).input_ids[0] for word in (" night", " day"))
    probabilities = logits.softmax(-1)
    scores = await scores_of(shown)
    assert [(one["name"], one["id"]) for one in scores] == [("bob", night), ("ada", day)]
    for one in scores:
        assert one["probability"] == pytest.approx(probabilities[one["id"]].item(), abs=1e-5)
        assert one["rank"] == int((logits > logits[one["id"]]).sum()) + 1
        assert one["points"] == round(100 * (probabilities[one["id"]] / probabilities.max()).item())
    points = scores[1]["points"]
    top = demo_model.answer(TopKQuestion(PROMPT, 5)).next_tokens
    assert embed_of(shown) == {
        "title": "The guesses are revealed",
        "description": (
            f"{PROMPT} **night**\n\n"
            f"🥇 bob: **·night**, 100 points ({percentage(scores[0]['probability'])}, rank 1)\n"
            f"🥈 ada: **·day**, {points} point{'' if points == 1 else 's'} "
            f"({percentage(scores[1]['probability'])}, rank {scores[1]['rank']})"
        ),
        "color": 0x248046,
        "fields": [
            {"name": "The model's own guesses", "value": f"```\n{next_tokens_table(top, PHONE_WIDTH)}\n```"},
            {"name": "Points", "value": "100 × the token's probability ÷ the favourite's"},
        ],
        "footer": "demo · float32",
    }
    assert buttons(shown) == {"Next round": True, "Details": True}
    await check_picture(shown)
    details = (await place.other.click(shown, label="Details")).response
    replayed = (await place.other.click(details, label="Replay")).response
    assert embed_of(replayed)["title"] == "Replay: identical"


async def test_nobody_can_read_a_guess_before_the_reveal(place: Place) -> None:
    message = await opened(place)
    await guess(place.member, message, "night")
    first = await file_of(seen(place))
    assert [set(one) for one in first["guesses"]] == [{"user", "name", "seal"}]
    assert "night" not in json.dumps(first["guesses"])
    await guess(place.other, message, "night")
    seals = [one["seal"] for one in (await file_of(seen(place)))["guesses"]]
    assert len(set(seals)) == 2  # nor that two have guessed the same
    other_round = await opened(place)
    await guess(place.member, other_round, "night")
    assert (await file_of(seen(place)))["guesses"][0]["seal"] not in seals


async def test_a_second_guess_replaces_the_first(place: Place) -> None:
    message = await opened(place)
    await guess(place.member, message, "day")
    told = await guess(place.member, message, "night")
    assert embed_of(told)["description"].endswith("This replaces your earlier guess. It stays hidden until the reveal.")
    assert fields(seen(place))["Players: 1 of 20"] == "ada"
    (score,) = await scores_of(await revealed(place, message))
    assert score["token"] == " night"


async def test_only_the_opener_and_moderators_reveal(place: Place) -> None:
    message = await opened(place)
    refused = (await place.other.click(message, label="Reveal")).response
    assert refused.ephemeral
    assert embed_of(refused) == {
        "title": "Not yours",
        "description": "Only the person who started this round, or a moderator, can use “Reveal”.",
        "color": 0xF0B232,
    }
    assert buttons(seen(place)) == {"Guess": True, "Reveal": True}
    (moderator,) = people(place, 1, manage_messages=True)
    await moderator.click(message, label="Reveal")
    assert "*No guesses.*" in seen(place).embeds[0].description


async def test_a_round_goes_on_after_a_restart(place: Place, demo_model: EngineModel, settings: Settings) -> None:
    message = await opened(place)
    await guess(place.member, message, "night")
    bot = Nightword(settings, make_executor(lambda: demo_model, settings))
    await place.env.restart_bot(bot)
    bot.executor.wait_until_loaded()
    await guess(place.other, message, "day")
    shown = await revealed(place, message)
    assert [one["token"] for one in await scores_of(shown)] == [" night", " day"]
    await place.member.click(shown, label="Next round")
    assert seen(place).embeds[0].description == f"{PROMPT} night **▁**"
    assert buttons(seen(place)) == {"Guess": True, "Reveal": True}
    await bot.close()


async def test_another_token_cannot_open_what_was_sealed(
    place: Place, demo_model: EngineModel, settings: Settings
) -> None:
    message = await opened(place)
    await guess(place.member, message, "night")
    other = Settings.model_validate({"model": "demo", "discord_token": "another"})
    bot = Nightword(other, make_executor(lambda: demo_model, settings))
    await place.env.restart_bot(bot)
    bot.executor.wait_until_loaded()
    (told,) = (await place.member.click(message, label="Reveal")).followups
    assert told.ephemeral
    assert embed_of(told)["description"].startswith("The bot's token has changed since this round")
    await bot.close()


async def test_a_guess_after_the_reveal_is_told_so(place: Place) -> None:
    message = await opened(place)
    form = await place.other.click(message, label="Guess")
    await revealed(place, message)
    late = await place.other.submit_modal(form, {"guess": "night"})
    assert [embed_of(one)["description"][:18] for one in late.followups] == ["This round is over"]
    assert await scores_of(seen(place)) == []


async def test_a_file_that_is_gone_is_said_to_be(place: Place) -> None:
    message = await opened(place)
    place.env.backend.get_message(place.channel.id, message.id).attachments.clear()
    assert "no longer has the file guess.json" in embed_of(await guess(place.other, message, "night"))["description"]
    (told,) = (await place.member.click(message, label="Reveal")).followups
    assert "no longer has the file guess.json" in embed_of(told)["description"]


@pytest.mark.parametrize("text", ["🤷🏽‍♀️", "@everyone ``` <@1>", "\u202eevil", "x" * 100])
async def test_any_guess_is_shown_as_it_is(place: Place, text: str) -> None:
    message = await opened(place)
    told = await guess(place.other, message, text)
    shown = await revealed(place, message)
    for embed in (embed_of(told), embed_of(shown)):
        assert "@everyone" not in str(embed)
        assert "\u202e" not in str(embed)
    assert len(await scores_of(shown)) == 1


async def test_white_space_is_no_guess(place: Place) -> None:
    message = await opened(place)
    told = await guess(place.other, message, "   ")
    assert embed_of(told)["title"] == "Nothing to read"
    assert embed_of(told)["description"].startswith("The guess is empty")
    assert (await file_of(seen(place)))["guesses"] == []


@pytest.mark.parametrize("text", ["", "x" * 4000])
async def test_the_form_bounds_a_guess(place: Place, text: str) -> None:
    message = await opened(place)
    form = await place.other.click(message, label="Guess")
    with pytest.raises(Exception, match=r"guess|length|required|long|short"):
        await place.other.submit_modal(form, {"guess": text})
    await guess(place.other, message, "night")


async def test_a_round_has_room_for_twenty(place: Place) -> None:
    message = await opened(place)
    crowd = people(place, MOST_GUESSERS + 1)
    for number, actor in enumerate(crowd[:-1]):
        await guess(actor, message, ["night", "day", "evening"][number % 3])
    told = await guess(crowd[-1], message, "night")
    assert embed_of(told) == {
        "title": "Not possible",
        "description": ("This round is full (20 guesses). Wait for the reveal, or start another round with /guess."),
        "color": 0xF0B232,
    }
    await guess(crowd[0], message, "day")  # who is in it may still change their mind
    shown = await revealed(place, message)
    lines = shown.embeds[0].description.split("\n")[2:]
    assert len(lines) == MOST_GUESSERS
    assert [line.split()[0] for line in lines[:7]] == ["🥇"] * 6 + [r"7\."]


async def test_without_a_prompt_a_well_known_book_is_opened(place: Place, demo_model: EngineModel) -> None:
    message = (await place.member.slash(place.channel, "guess")).response
    assert (await file_of(message))["prompt"] in OPENINGS
    assert len(set(OPENINGS)) == len(OPENINGS) == 21
    for opening in OPENINGS:
        assert not opening.endswith(" ")
        assert demo_model.answer(TopKQuestion(opening, 1)).next_tokens.candidates


async def test_alone_in_private_and_in_a_direct_message(place: Place) -> None:
    message = await opened(place, private=True)
    await guess(place.member, message, "night")
    result = await place.member.click(message, label="Reveal")
    assert place.channel.history(viewer=place.other) == []
    (shown,) = [one for one in place.channel.history(viewer=place.member) if one.id == message.id] or [result.response]
    assert "ada: **·night**" in shown.embeds[0].description
    dora = place.env.create_user("dora")
    message = (await dora.slash("guess", prompt=PROMPT)).response
    await guess(dora, message, "night")
    await dora.click(message, label="Reveal")


async def test_a_prompt_that_is_too_long_is_refused(place: Place) -> None:
    (told,) = (await place.member.slash(place.channel, "guess", prompt="the " * 600)).followups
    assert told.ephemeral
    assert embed_of(told)["title"] == "Too long"


async def test_custom_ids_have_room(place: Place) -> None:
    message = await opened(place)
    rows = [row if isinstance(row, dict) else row.to_dict() for row in message.components]
    for part in (part for row in rows for part in row["components"]):
        assert re.fullmatch(r"guess:(guess|reveal):\d+", part["custom_id"])
        assert len(part["custom_id"]) + 20 <= 100
