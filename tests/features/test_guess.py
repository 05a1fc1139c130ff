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
from bot.features.guess.command import OPENINGS
from bot.features.guess.embed import MOST_GUESSERS
from bot.questions.topk import TopKQuestion
from bot.rendering.tables import PHONE_WIDTH, next_tokens_table, percentage
from bot.settings import Settings
from tests.conftest import make_executor
from tests.engine.plain import plain_transformers
from tests.features.messages import buttons, check_picture, files, parts_of, remove_state, state_of
from tests.features.people import Place, embed_of

PROMPT = "It was a dark and stormy"


async def open_round(place: Place, prompt: str = PROMPT, **options: Any) -> Any:
    return (await place.member.slash(place.channel, "guess", prompt=prompt, **options)).response


async def guess(actor: Any, message: Any, text: str) -> Any:
    """Guess, and return the private reply."""
    form = await actor.click(message, label="Guess")
    result = await actor.submit_modal(form, {"guess": text})
    (reply,) = [reply for reply in (result.response, *result.followups) if reply is not None and reply.id != message.id]
    assert reply.ephemeral
    return reply


async def file_of(message: Any) -> dict[str, Any]:
    return await state_of(message, "guess.json")


async def scores_of(message: Any) -> list[dict[str, Any]]:
    scores: list[dict[str, Any]] = (await state_of(message))["state"]["scores"]
    return scores


def last_message(place: Place) -> Any:
    return [message for message in place.channel.history() if not message.flags.ephemeral][-1]


def people(place: Place, count: int, **permissions: bool) -> list[Any]:
    """Return new members with these permissions."""
    guild = place.channel.guild
    role = guild.create_role("guests", permissions=discord.Permissions(**permissions))
    return [guild.add_member(place.env.create_user(f"guest{number}"), roles=[role]) for number in range(count)]


async def reveal(place: Place, message: Any) -> Any:
    await place.member.click(message, label="Reveal")
    return last_message(place)


def fields(message: Any) -> dict[str, str]:
    return {field["name"]: field["value"] for field in embed_of(message)["fields"]}


async def test_a_round_opens(place: Place, demo_model: EngineModel) -> None:
    message = await open_round(place)
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
    message = await open_round(place)
    await guess(place.member, message, "day")
    reply = await guess(place.other, message, "nightfall")
    assert embed_of(reply) == {
        "title": "Guess saved",
        "description": (
            "Your guess begins with the token **·night** (· is a space). Only this token counts.\n"
            "Guess again to replace it. It stays hidden until the reveal."
        ),
        "color": 0x248046,
    }
    assert fields(last_message(place))["Players: 2 of 20"] == "ada, bob"
    shown = await reveal(place, message)

    model, tokenizer = plain_transformers(DEMO_FOLDER)
    with torch.no_grad():
        logits = model(torch.tensor([tokenizer(PROMPT).input_ids])).logits[0, -1]
    night, day = (tokenizer(word).input_ids[0] for word in (" night", " day"))
    probabilities = logits.softmax(-1)
    scores = await scores_of(shown)
    assert [score["id"] for score in scores] == [night, day]
    for score in scores:
        assert score["probability"] == pytest.approx(probabilities[score["id"]].item(), abs=1e-5)
        assert score["rank"] == int((logits > logits[score["id"]]).sum()) + 1
        assert score["points"] == round(100 * (probabilities[score["id"]] / probabilities.max()).item())
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
    message = await open_round(place)
    await guess(place.member, message, "night")
    first = await file_of(last_message(place))
    assert [set(entry) for entry in first["guesses"]] == [{"user", "name", "seal"}]
    assert "night" not in json.dumps(first["guesses"])
    await guess(place.other, message, "night")
    seals = [entry["seal"] for entry in (await file_of(last_message(place)))["guesses"]]
    assert len(set(seals)) == 2  # equal guesses can't be recognised either
    other_round = await open_round(place)
    await guess(place.member, other_round, "night")
    assert (await file_of(last_message(place)))["guesses"][0]["seal"] not in seals


async def test_a_second_guess_replaces_the_first(place: Place) -> None:
    message = await open_round(place)
    await guess(place.member, message, "day")
    reply = await guess(place.member, message, "night")
    assert embed_of(reply)["description"].endswith(
        "This replaces your earlier guess. It stays hidden until the reveal."
    )
    assert fields(last_message(place))["Players: 1 of 20"] == "ada"
    (score,) = await scores_of(await reveal(place, message))
    assert score["token"] == " night"


async def test_only_the_opener_and_moderators_reveal(place: Place) -> None:
    message = await open_round(place)
    refused = (await place.other.click(message, label="Reveal")).response
    assert refused.ephemeral
    assert embed_of(refused) == {
        "title": "Not yours",
        "description": "Only the person who started this round, or a moderator, can use “Reveal”.",
        "color": 0xF0B232,
    }
    assert buttons(last_message(place)) == {"Guess": True, "Reveal": True}
    (moderator,) = people(place, 1, manage_messages=True)
    await moderator.click(message, label="Reveal")
    assert "*No guesses.*" in last_message(place).embeds[0].description


async def test_a_round_continues_after_a_restart(place: Place, demo_model: EngineModel, settings: Settings) -> None:
    message = await open_round(place)
    await guess(place.member, message, "night")
    bot = Nightword(settings, make_executor(lambda: demo_model, settings))
    await place.env.restart_bot(bot)
    bot.executor.wait_until_loaded()
    await guess(place.other, message, "day")
    shown = await reveal(place, message)
    assert [score["token"] for score in await scores_of(shown)] == [" night", " day"]
    await place.member.click(shown, label="Next round")
    assert last_message(place).embeds[0].description == f"{PROMPT} night **▁**"
    assert buttons(last_message(place)) == {"Guess": True, "Reveal": True}
    await bot.close()


async def test_after_a_change_of_token_a_round_cannot_be_revealed(
    place: Place, demo_model: EngineModel, settings: Settings
) -> None:
    message = await open_round(place)
    await guess(place.member, message, "night")
    other = Settings.model_validate({"model": "demo", "discord_token": "another"})
    bot = Nightword(other, make_executor(lambda: demo_model, settings))
    await place.env.restart_bot(bot)
    bot.executor.wait_until_loaded()
    (reply,) = (await place.member.click(message, label="Reveal")).followups
    assert reply.ephemeral
    assert embed_of(reply)["description"].startswith("The bot's token has changed since this round")
    await bot.close()


async def test_a_guess_after_the_reveal_is_refused(place: Place) -> None:
    message = await open_round(place)
    form = await place.other.click(message, label="Guess")
    await reveal(place, message)
    late = await place.other.submit_modal(form, {"guess": "night"})
    assert [embed_of(reply)["description"][:18] for reply in late.followups] == ["This round is over"]
    assert await scores_of(last_message(place)) == []


async def test_missing_data_is_named(place: Place) -> None:
    remove_state(place.env, await open_round(place))
    message = last_message(place)
    assert "no longer has the data" in embed_of(await guess(place.other, message, "night"))["description"]
    (reply,) = (await place.member.click(message, label="Reveal")).followups
    assert "no longer has the data" in embed_of(reply)["description"]


@pytest.mark.parametrize("text", ["🤷🏽‍♀️", "@everyone ``` <@1>", "\u202eevil", "x" * 100])
async def test_any_guess_is_shown_as_it_is(place: Place, text: str) -> None:
    message = await open_round(place)
    reply = await guess(place.other, message, text)
    shown = await reveal(place, message)
    for embed in (embed_of(reply), embed_of(shown)):
        assert "@everyone" not in str(embed)
        assert "\u202e" not in str(embed)
    assert len(await scores_of(shown)) == 1


async def test_white_space_is_no_guess(place: Place) -> None:
    message = await open_round(place)
    reply = await guess(place.other, message, "   ")
    assert embed_of(reply)["title"] == "Nothing to read"
    assert embed_of(reply)["description"].startswith("The guess is empty")
    assert (await file_of(last_message(place)))["guesses"] == []


@pytest.mark.parametrize("text", ["", "x" * 4000])
async def test_the_form_limits_the_length_of_a_guess(place: Place, text: str) -> None:
    message = await open_round(place)
    form = await place.other.click(message, label="Guess")
    with pytest.raises(Exception, match=r"guess|length|required|long|short"):
        await place.other.submit_modal(form, {"guess": text})
    await guess(place.other, message, "night")


async def test_a_round_is_full_after_twenty_guesses(place: Place) -> None:
    message = await open_round(place)
    crowd = people(place, MOST_GUESSERS + 1)
    for number, actor in enumerate(crowd[:-1]):
        await guess(actor, message, ["night", "day", "evening"][number % 3])
    reply = await guess(crowd[-1], message, "night")
    assert embed_of(reply) == {
        "title": "Not possible",
        "description": ("This round is full (20 guesses). Wait for the reveal, or start another round with /guess."),
        "color": 0xF0B232,
    }
    await guess(crowd[0], message, "day")  # players can still change their guess
    shown = await reveal(place, message)
    lines = shown.embeds[0].description.split("\n")[2:]
    assert len(lines) == MOST_GUESSERS
    assert [line.split()[0] for line in lines[:7]] == ["🥇"] * 6 + [r"7\."]


async def test_without_a_prompt_a_round_begins_with_a_famous_opening(place: Place, demo_model: EngineModel) -> None:
    message = (await place.member.slash(place.channel, "guess")).response
    assert (await file_of(message))["prompt"] in OPENINGS
    assert len(set(OPENINGS)) == len(OPENINGS) == 21
    for opening in OPENINGS:
        assert not opening.endswith(" ")
        assert demo_model.answer(TopKQuestion(opening, 1)).next_tokens.candidates


async def test_a_round_works_in_private_and_in_a_direct_message(place: Place) -> None:
    message = await open_round(place, private=True)
    await guess(place.member, message, "night")
    result = await place.member.click(message, label="Reveal")
    assert place.channel.history(viewer=place.other) == []
    (shown,) = [posted for posted in place.channel.history(viewer=place.member) if posted.id == message.id] or [
        result.response
    ]
    assert "ada: **·night**" in shown.embeds[0].description
    dora = place.env.create_user("dora")
    message = (await dora.slash("guess", prompt=PROMPT)).response
    await guess(dora, message, "night")
    await dora.click(message, label="Reveal")


async def test_a_prompt_that_is_too_long_is_refused(place: Place) -> None:
    (reply,) = (await place.member.slash(place.channel, "guess", prompt="the " * 600)).followups
    assert reply.ephemeral
    assert embed_of(reply)["title"] == "Too long"


async def test_a_round_has_a_file_only_when_its_buttons_cannot_hold_it(place: Place) -> None:
    message = await open_round(place)
    shown = []
    for number, player in enumerate(people(place, 12)):
        shown.append(files(last_message(place)))
        for part in parts_of(last_message(place)):
            assert re.match(r"guess:(guess|reveal):\d+", part["custom_id"])
            assert len(part["custom_id"]) <= 100
        await guess(player, message, "night")
        assert len((await file_of(last_message(place)))["guesses"]) == number + 1
    assert shown[:4] == [[]] * 4
    assert files(last_message(place)) == ["guess.json"]
    assert len(await scores_of(await reveal(place, message))) == 12
    assert "guess.json" not in files(last_message(place))
