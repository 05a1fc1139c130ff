"""The message context menus, as a member meets them."""

import pytest

from bot.inference.transformers_model import TransformersModel
from tests.commands.people import Place, embed_of

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


@pytest.mark.parametrize("menu", MENUS)
async def test_a_message_without_text_gets_a_clear_answer(place: Place, menu: str) -> None:
    card = (await place.other.slash(place.channel, "model")).response
    result = await place.member.context_menu(place.channel, menu, card)
    assert result.response.ephemeral
    assert embed_of(result.response) == {
        "title": "No text",
        "description": "This message has no text: pictures, stickers and embeds cannot be read. Choose one with text "
        "in it.",
        "color": 0xF0B232,
    }


async def test_a_long_message_keeps_its_lines(place: Place, demo_model: TransformersModel) -> None:
    text = "  first\n\nsecond  "
    message = await place.other.send(place.channel, text)
    result = await place.member.context_menu(place.channel, "Tokenize", message)
    count = len(demo_model.tokenize(message.content).tokens)
    assert result.response.embeds[0].title == f"{count} tokens"
