"""Forwarded messages and polls in watched channels: their texts are scored, and their author is the poster."""

from typing import Any

import discord
import pytest
from simcord.backend.models.message import Poll, PollAnswer
from simcord.backend.serializers import message_payload

from bot.app.client import Nightword
from bot.engine.model import EngineModel
from bot.questions.sentiment import SentimentQuestion
from bot.settings import Settings
from tests.conftest import make_executor
from tests.features.review.conftest import BAD, GOOD, ReviewPlace, field

POLL = "Was it good?\nNo.\nA dull, lifeless film."


async def probabilities(place: ReviewPlace) -> dict[int, float]:
    scored = await place.store.scores.latest(place.channel.id)
    return {message.message_id: message.positive_probability for message in scored}


async def forward_text(place: ReviewPlace, text: str) -> discord.Message:
    """Have a member forward another member's message from a channel that is not watched."""
    original = await place.other.send(place.elsewhere, text)
    message: discord.Message = await place.member.forward(original, place.channel)
    return message


async def post_poll(place: ReviewPlace) -> int:
    answers = [PollAnswer(1, "No."), PollAnswer(2, "A dull, lifeless film.")]
    poll = Poll("Was it good?", answers, "2030-01-01T00:00:00+00:00")
    message = place.env.backend.create_message(place.channel.id, place.member.id, poll=poll)
    await place.env.settle()
    return int(message.id)


async def test_forwards_and_polls_are_scored_as_the_poster_s_messages(
    place: ReviewPlace, demo_model: EngineModel
) -> None:
    await place.watch(notice=False)
    forward, poll = await forward_text(place, BAD), await post_poll(place)
    expected = {
        id_: demo_model.answer(SentimentQuestion(text)).positive_probability
        for id_, text in ((forward.id, BAD), (poll, POLL))
    }
    assert await probabilities(place) == pytest.approx(expected, abs=1e-5)
    assert {row.message_id for row in await place.store.privacy.messages_of(place.member.id)} == {forward.id, poll}
    assert await place.store.privacy.messages_of(place.other.id) == []  # Discord does not name the original author


async def test_a_backfill_reads_forwards_and_polls(place: ReviewPlace) -> None:
    forward, poll = await forward_text(place, BAD), await post_poll(place)
    await place.watch(notice=False)
    await place.moderator.slash(place.channel, "review backfill", channel=place.channel)
    assert set(await probabilities(place)) == {forward.id, poll}


async def test_the_card_of_a_forward_has_an_excerpt(place: ReviewPlace) -> None:
    admins = place.guild.create_role("admins", permissions=discord.Permissions(administrator=True))
    admin = place.guild.add_member(place.env.create_user("root"), roles=[admins])
    await admin.slash(place.channel, "review watch", channel=place.channel, excerpts=True, notice=False)
    await place.start_flagging()
    await forward_text(place, BAD)
    (card,) = place.cards
    assert field(card, "Excerpt") == f"||{BAD}||"
    assert f"by <@{place.member.id}>" in (card.embeds[0].description or "")


async def test_a_forward_without_text_is_not_stored(place: ReviewPlace) -> None:
    await place.watch(notice=False)
    picture = await place.other.send(place.elsewhere, attachments=[("poster.png", b"a picture")])
    await place.member.forward(picture, place.channel)
    assert await place.store.privacy.messages_of(place.member.id) == []


async def test_an_edit_event_without_the_forwarded_text_deletes_nothing(place: ReviewPlace) -> None:
    await place.watch(notice=False)
    forward = await forward_text(place, BAD)
    before = await probabilities(place)
    assert set(before) == {forward.id}
    await send_edit_event(place, forward.id, message_snapshots=[])
    assert await probabilities(place) == before
    await send_edit_event(place, forward.id)
    assert await probabilities(place) == before
    assert len(await place.store.privacy.messages_of(place.member.id)) == 1  # nothing was scored again


async def send_edit_event(place: ReviewPlace, message_id: int, **parts: Any) -> None:
    """Send an edit event for a message, such as Discord sends after it has added the preview of a link."""
    backend = place.env.backend
    message = backend.get_message(place.channel.id, message_id)
    payload = message_payload(backend, message) | {"guild_id": str(place.channel.guild.id)}
    backend.emit("MESSAGE_UPDATE", payload | parts)
    await place.env.settle()


async def test_a_waiting_forward_is_fetched_again_and_keeps_its_hash(
    place: ReviewPlace, demo_model: EngineModel, settings: Settings
) -> None:
    await place.watch(notice=False)
    plain = await place.member.send(place.channel, GOOD)
    forward = await forward_text(place, BAD)
    hashes = {row.message_id: row.content_hash for row in await place.store.privacy.messages_of(place.member.id)}
    database = place.reader._database
    assert hashes == {plain.id: database.content_hash(GOOD), forward.id: database.content_hash(BAD)}
    await place.store.messages.delete([forward.id])
    location = (place.channel.id, place.channel.guild.id, place.member.id)
    assert await place.store.messages.record(
        forward.id, *location, forward.created_at, BAD, channel_id=place.channel.id
    )
    # Then the bot was switched off.
    bot = Nightword(settings, make_executor(lambda: demo_model, settings))
    bot.executor.start()
    bot.executor.wait_until_loaded()
    await place.env.restart_bot(bot)
    assert set(await probabilities(place)) == {plain.id, forward.id}
    rows = await place.store.privacy.messages_of(place.member.id)
    assert {row.message_id: row.content_hash for row in rows} == hashes
    assert len(rows) == 2
    await bot.close()
