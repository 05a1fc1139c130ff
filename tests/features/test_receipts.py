"""Where the receipt of an answer travels, and what it never says."""

import json
import logging
from typing import Any

import pytest

from bot.features.guess.command import OPENINGS
from bot.receipts.picture import KEYWORD
from bot.rendering.pictures.png_text import read_text
from tests.features.answers import COMMANDS, PROMPT, REVIEW
from tests.features.messages import files, names_of, parts_of, state_of
from tests.features.people import Place

DAY = 24 * 3600


async def picture_of(message: Any) -> bytes:
    (file,) = [file for file in message.attachments if file.filename == "picture.png"]
    content: bytes = await file.read()
    return content


async def ask(place: Place, command: str = "xray", **options: Any) -> Any:
    return (await place.member.slash(place.channel, command, **(options or {"text": PROMPT}))).response


async def all_state(message: Any) -> str:
    """Return all texts sent in a message's files: their content, and the text inside the picture."""
    texts = [(await file.read()).decode() for file in message.attachments if file.filename != "picture.png"]
    if any(file.filename == "picture.png" for file in message.attachments):
        texts.append(read_text(await picture_of(message), KEYWORD, 10**6) or "")
    return "\n".join(texts)


async def every_answer(place: Place) -> list[Any]:
    """Return an answer of every kind that has a receipt, with its buttons' answers."""
    messages = [await ask(place, command, **options) for command, options in COMMANDS]
    walk = await ask(place, "topk", prompt=PROMPT)
    await place.member.click(walk, label="Open to everyone")
    await place.other.click(walk, label="Sample")
    verdict = await ask(place, "sentiment", review=REVIEW)
    decided = await ask(place, "decide", question="spam", text=REVIEW)
    messages += [(await place.other.click(message, label="Explain")).response for message in (verdict, decided)]
    messages.append((await place.other.click(verdict, label="Details")).response)
    guessed = await ask(place, "guess", prompt=PROMPT)
    for actor in (place.member, place.other):
        await actor.submit_modal(await actor.click(guessed, label="Guess"), {"guess": "night"})
    await place.member.click(guessed, label="Reveal")
    return [*messages, *place.channel.history(viewer=place.member)]


async def test_no_receipt_holds_the_id_or_the_name_of_a_person_or_a_server(place: Place) -> None:
    secrets = [place.member.id, place.other.id, place.channel.guild.id, place.channel.id]
    commands = set()
    for message in await every_answer(place):
        text = await all_state(message)
        commands |= {command for command, _ in COMMANDS if f'"command": "{command}"' in text}
        for secret in (*map(str, secrets), '"ada"', '"bob"', "Readers"):
            assert secret not in text
    assert commands >= {"topk", "xray", "layers", "compare", "sampler", "contrast", "why", "tokenize"}


async def test_only_the_first_picture_of_a_day_comes_with_a_file(place: Place) -> None:
    assert files(await ask(place)) == ["receipt.json"]
    for _ in range(2):
        assert files(await ask(place)) == []
    place.env.backend.advance_clock(DAY)
    assert files(await ask(place)) == ["receipt.json"]
    assert files(await ask(place)) == []


async def test_without_a_picture_a_small_receipt_is_in_the_buttons_and_a_large_one_in_a_file(place: Place) -> None:
    answer = await ask(place, "sentiment", review=REVIEW)
    assert answer.attachments == []
    assert all(len(part["custom_id"]) <= 100 for part in parts_of(answer))
    details = (await place.other.click(answer, label="Details")).response
    assert files(details) == ["receipt.json"]
    assert (await state_of(answer)).items() <= (await state_of(details)).items()
    long = await ask(place, "sentiment", review=" ".join(OPENINGS))
    assert files(long) == ["receipt.json"]
    assert not any("~" in part["custom_id"] for part in parts_of(long))


async def test_a_walk_s_names_are_in_its_buttons_and_not_in_its_picture(place: Place) -> None:
    await ask(place)  # the day's first picture
    walk = await ask(place, "topk", prompt=PROMPT)
    await place.member.click(walk, label="Sample")
    await place.member.click(walk, label="Open to everyone")
    await place.other.click(walk, label="Sample")
    (shown,) = [message for message in place.channel.history(viewer=place.member) if message.id == walk.id]
    assert names_of(shown) == ["ada", "bob"]
    assert files(shown) == []
    state = (await state_of(shown))["state"]
    assert set(state) == {"log_probability", "steps"}
    assert {name for step in state["steps"] for name in step} == {
        "id", "token", "log_probability", "rank", "how", "temperature", "seed",
    }  # fmt: skip


async def test_a_picture_that_came_back_without_its_receipt_is_logged_once(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await ask(place)
    answer = await ask(place)
    stored = place.env.backend.get_message(place.channel.id, answer.id).attachments[0]
    png: bytes = await picture_of(answer)
    place.env.backend.cdn._blobs[stored["url"]] = png[:-4]  # damaged, so not known to be removed
    damaged = (await place.member.click(answer, label="Details")).response
    assert damaged.embeds[0].description == "This message's picture can't be read. Ask again."
    assert files(await ask(place)) == []
    start = png.index(b"iTXt") - 4
    length = int.from_bytes(png[start : start + 4]) + 12
    place.env.backend.cdn._blobs[stored["url"]] = png[:start] + png[start + length :]
    for _ in range(2):
        refused = (await place.member.click(answer, label="Details")).response
        assert refused.embeds[0].title == "Expired"
        assert refused.embeds[0].description.startswith("Discord removed the data that this button needs")
    assert files(await ask(place)) == ["receipt.json"]
    assert sum("Discord removed the receipt" in line for line in caplog.messages) == 1
    assert json.loads(read_text(await picture_of(await ask(place)), KEYWORD, 10**6) or "")["command"] == "xray"
