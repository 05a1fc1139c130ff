"""An answer's files and picture, as they are sent to Discord and shown in a channel."""

import io
from collections.abc import AsyncIterator, Callable
from typing import Any

import discord
import pytest
import pytest_asyncio
import simcord
from PIL import Image

from bot.answers.answer import Answer, Attachment
from bot.answers.answering import defer, reply
from bot.app.client import Nightword
from bot.features.review.embeds.spread import spread_picture
from bot.questions.language_model import LanguageModel
from bot.rendering.pictures.picture import Picture, draw_in_thread
from bot.settings import Settings
from tests.conftest import make_executor
from tests.contract import check_request, has_document
from tests.features.people import Place


@pytest_asyncio.fixture
async def simcord_bot(load: Callable[[], LanguageModel], settings: Settings) -> AsyncIterator[Nightword]:
    """The bot with one more command, which answers with a picture and a text."""
    bot = Nightword(settings, make_executor(load, settings))

    @bot.tree.command(description="Answers with a picture")
    async def picture(interaction: discord.Interaction[Any]) -> None:
        assert await defer(interaction, private=False)
        answer = Answer(discord.Embed(title="A picture"), (Attachment("scores.txt", "0.1 ü\n", "The scores"),))
        await reply(interaction, answer.with_picture(await draw_in_thread(spread_picture, [0.1, 0.8], 0.2)))

    yield bot
    await bot.close()


async def test_the_picture_is_in_the_embed_with_its_alt_text(simcord_env: simcord.Env) -> None:
    place = Place.build(simcord_env)
    await place.member.slash(place.channel, "picture")
    (message,) = place.channel.history(viewer=place.other)
    text, picture = message.attachments
    expected = spread_picture([0.1, 0.8], 0.2)
    assert await text.read() == "0.1 ü\n".encode()
    assert (picture.filename, picture.description) == ("picture.png", expected.alt)
    assert await picture.read() == expected.png
    assert message.embeds[0].image.url in {"attachment://picture.png", picture.url}
    if has_document():
        for request in place.env.http_requests:
            check_request(request.method, request.path, request.json)


def test_adding_a_picture_does_not_change_the_original_answer() -> None:
    plain = Answer(discord.Embed(title="A picture"))
    shown = plain.with_picture(Picture(b"\x89PNG", "what it shows"), "other.png")
    assert (plain.embed.image.url, plain.attachments) == (None, ())
    assert shown.embed.image.url == "attachment://other.png"
    (file,) = shown.files()
    assert (file.filename, file.description, file.fp.read()) == ("other.png", "what it shows", b"\x89PNG")


@pytest.mark.parametrize("alt", ["", "x" * 1025])
def test_an_empty_or_too_long_alt_text_is_refused(alt: str) -> None:
    with pytest.raises(ValueError, match="alt text"):
        Picture(b"", alt)


def test_a_picture_is_a_readable_image() -> None:
    with Image.open(io.BytesIO(spread_picture([], 0.2).png)) as image:
        assert image.width == 800
