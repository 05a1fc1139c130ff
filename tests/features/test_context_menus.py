"""The message context menus, as a member meets them."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from simcord.backend.models.message import MessageSticker, Poll, PollAnswer
from simcord.enums import MessageType

from bot.engine.model import EngineModel
from bot.questions.tokenization import TokenizationQuestion
from tests.features.people import Place, embed_of

MENUS = {"Score sentiment": ("sentiment", "review"), "Tokenize": ("tokenize", "text"), "X-ray": ("xray", "text")}
REVIEW = "I laughed all the way through. A wonderful film."


@pytest.mark.parametrize("menu", MENUS)
async def test_the_answer_equals_the_command_s_and_is_for_the_asker_alone(place: Place, menu: str) -> None:
    message = await place.other.send(place.channel, REVIEW)
    result = await place.member.context_menu(place.channel, menu, message)
    assert result.response.ephemeral
    assert len(place.channel.history(viewer=place.other)) == 1
    name, option = MENUS[menu]
    command = await place.member.slash(place.channel, name, **{option: REVIEW})
    assert embed_of(result.response) == embed_of(command.response)


async def forward(place: Place, message: Any) -> Any:
    return await place.other.forward(message, place.channel)


async def poll(place: Place) -> Any:
    answers = [PollAnswer(1, "A wonderful one."), PollAnswer(2, emoji="🙂"), PollAnswer(3, "None.")]
    return post(place, poll=Poll("Which film?", answers, "2030-01-01T00:00:00+00:00"))


def post(place: Place, **parts: Any) -> Any:
    created = place.env.backend.create_message(place.channel.id, place.other.id, **parts)
    return next(message for message in place.channel.history() if message.id == created.id)


async def card(place: Place) -> Any:
    """Post text components in a container and in a section, as apps do."""
    button = {"type": 2, "id": 4, "style": 2, "label": "Not a text", "custom_id": "x"}
    inner = [{"type": 10, "id": 5, "content": "A wonderful film."}]
    section = {"type": 9, "id": 3, "components": inner, "accessory": button}
    title = {"type": 10, "id": 2, "content": "# Tonight"}
    return post(place, components=[{"type": 17, "id": 1, "components": [title, section]}], flags=1 << 15)


async def beside_a_picture(place: Place) -> Any:
    return await place.other.send(place.channel, REVIEW, attachments=[("a.png", b"a picture")])


@pytest.mark.parametrize("menu", MENUS)
async def test_attachments_forwards_polls_and_components_do_not_hide_the_text(place: Place, menu: str) -> None:
    words = "# Tonight\nA wonderful film."
    for message, text in (
        (await beside_a_picture(place), REVIEW),
        (await forward(place, await place.other.send(place.channel, REVIEW)), REVIEW),
        (await poll(place), "Which film?\nA wonderful one.\nNone."),
        (await card(place), words),
        (await forward(place, await card(place)), words),
    ):
        result = await place.member.context_menu(place.channel, menu, message)
        assert result.response.ephemeral
        name, option = MENUS[menu]
        command = await place.member.slash(place.channel, name, **{option: text})
        assert embed_of(result.response) == embed_of(command.response)


async def picture(place: Place) -> Any:
    return await place.other.send(place.channel, attachments=[("a.png", b"a picture")])


async def voice(place: Place) -> Any:
    attachment = {"waveform": "AA==", "duration_secs": 2.0, "content_type": "audio/ogg"}
    stored = place.env.backend.store_attachments(place.channel.id, [("voice-message.ogg", b"a voice")])
    return post(place, attachments=[{**stored[0], **attachment}], flags=1 << 13)


async def several(place: Place) -> Any:
    names = ["a.png", "b.jpg", "c.mp4", "d.pdf", "e.mp3"]
    return await place.other.send(place.channel, attachments=[(name, b"x") for name in names])


async def sticker(place: Place) -> Any:
    guild = place.channel.guild.id
    return post(place, stickers=[MessageSticker(5, "Wave", 1, guild)])


async def notice(place: Place) -> Any:
    guild = place.channel.guild
    return guild.create_system_message(place.channel, MessageType.NEW_MEMBER, author=place.other)


async def answer_of_an_app(place: Place) -> Any:
    return (await place.other.slash(place.channel, "model")).response


@pytest.mark.parametrize("menu", MENUS)
async def test_a_message_without_text_is_refused_with_its_kind(place: Place, menu: str) -> None:
    for make, holds in (
        (picture, "it contains an image"),
        (voice, "it contains a voice message"),
        (several, "it contains 2 images, a video, a file and an audio file"),
        (sticker, "it contains a sticker"),
        (notice, "it is one of Discord's own notices"),
        (answer_of_an_app, "it contains an embed, which is not read"),
        (lambda place: _forwarded(place, picture), "it forwards an image"),
        (lambda place: _forwarded(place, sticker), "it forwards a sticker"),
        (lambda place: _forwarded(place, answer_of_an_app), "it forwards an embed, which is not read"),
    ):
        result = await place.member.context_menu(place.channel, menu, await make(place))
        assert result.response.ephemeral
        assert embed_of(result.response) == {
            "title": "No text",
            "description": f"This message has no text to read: {holds}. Choose a message with text.",
            "color": 0xF0B232,
        }


async def _forwarded(place: Place, make: Callable[[Place], Awaitable[Any]]) -> Any:
    return await forward(place, await make(place))


async def test_a_message_keeps_its_lines(place: Place, demo_model: EngineModel) -> None:
    text = "  first\n\nsecond  "
    message = await place.other.send(place.channel, text)
    result = await place.member.context_menu(place.channel, "Tokenize", message)
    count = len(demo_model.answer(TokenizationQuestion(message.content))[0].tokens)
    assert result.response.embeds[0].title == f"{count} tokens"
