"""Forwarded messages and polls in watched channels: read as people read them, and counted as who posted them there."""

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
    return {one.message_id: one.positive_probability for one in await place.store.scores.latest(place.channel.id)}


async def forwarded(place: ReviewPlace, text: str) -> discord.Message:
    """Let a member forward another's words from a channel that is not watched."""
    written = await place.other.send(place.elsewhere, text)
    message: discord.Message = await place.member.forward(written, place.channel)
    return message


async def asked(place: ReviewPlace) -> int:
    answers = [PollAnswer(1, "No."), PollAnswer(2, "A dull, lifeless film.")]
    poll = Poll("Was it good?", answers, "2030-01-01T00:00:00+00:00")
    made = place.env.backend.create_message(place.channel.id, place.member.id, poll=poll)
    await place.env.settle()
    return int(made.id)


async def test_a_forward_and_a_poll_have_their_scores_as_the_poster_s(
    place: ReviewPlace, demo_model: EngineModel
) -> None:
    await place.watch(notice=False)
    forward, poll = await forwarded(place, BAD), await asked(place)
    expected = {
        id_: demo_model.answer(SentimentQuestion(text)).positive_probability
        for id_, text in ((forward.id, BAD), (poll, POLL))
    }
    assert await probabilities(place) == pytest.approx(expected, abs=1e-5)
    assert {row.message_id for row in await place.store.privacy.messages_of(place.member.id)} == {forward.id, poll}
    assert await place.store.privacy.messages_of(place.other.id) == []  # Discord does not tell whose the words were


async def test_backfill_reads_them_too(place: ReviewPlace) -> None:
    forward, poll = await forwarded(place, BAD), await asked(place)
    await place.watch(notice=False)
    await place.moderator.slash(place.channel, "review backfill", channel=place.channel)
    assert set(await probabilities(place)) == {forward.id, poll}


async def test_the_card_of_a_forward_quotes_it(place: ReviewPlace) -> None:
    admins = place.guild.create_role("admins", permissions=discord.Permissions(administrator=True))
    admin = place.guild.add_member(place.env.create_user("root"), roles=[admins])
    await admin.slash(place.channel, "review watch", channel=place.channel, excerpts=True, notice=False)
    await place.flagging()
    await forwarded(place, BAD)
    (card,) = place.cards
    assert field(card, "Excerpt") == f"||{BAD}||"
    assert f"by <@{place.member.id}>" in (card.embeds[0].description or "")


async def test_a_forward_without_text_is_not_kept(place: ReviewPlace) -> None:
    await place.watch(notice=False)
    picture = await place.other.send(place.elsewhere, attachments=[("poster.png", b"a picture")])
    await place.member.forward(picture, place.channel)
    assert await place.store.privacy.messages_of(place.member.id) == []


async def test_an_event_without_the_forwarded_words_takes_nothing_away(place: ReviewPlace) -> None:
    await place.watch(notice=False)
    forward = await forwarded(place, BAD)
    before = await probabilities(place)
    assert set(before) == {forward.id}
    await changed(place, forward.id, message_snapshots=[])
    assert await probabilities(place) == before
    await changed(place, forward.id)
    assert await probabilities(place) == before
    assert len(await place.store.privacy.messages_of(place.member.id)) == 1  # nothing was scored again


async def changed(place: ReviewPlace, message_id: int, **parts: Any) -> None:
    """Send the event of a change to a message, such as one that Discord sends once it has looked at a link."""
    backend = place.env.backend
    found = backend.get_message(place.channel.id, message_id)
    payload = message_payload(backend, found) | {"guild_id": str(place.channel.guild.id)}
    backend.emit("MESSAGE_UPDATE", payload | parts)
    await place.env.settle()


async def test_a_forward_that_waited_is_asked_of_discord_and_its_hash_stays(
    place: ReviewPlace, demo_model: EngineModel, settings: Settings
) -> None:
    await place.watch(notice=False)
    plain = await place.member.send(place.channel, GOOD)
    forward = await forwarded(place, BAD)
    hashes = {row.message_id: row.content_hash for row in await place.store.privacy.messages_of(place.member.id)}
    database = place.reader._database
    assert hashes == {plain.id: database.content_hash(GOOD), forward.id: database.content_hash(BAD)}
    await place.store.messages.delete([forward.id])
    where = (place.channel.id, place.channel.guild.id, place.member.id)
    assert await place.store.messages.record(forward.id, *where, forward.created_at, BAD, channel_id=place.channel.id)
    # And then the bot was switched off.
    bot = Nightword(settings, make_executor(lambda: demo_model, settings))
    bot.executor.start()
    bot.executor.wait_until_loaded()
    await place.env.restart_bot(bot)
    assert set(await probabilities(place)) == {plain.id, forward.id}
    rows = await place.store.privacy.messages_of(place.member.id)
    assert {row.message_id: row.content_hash for row in rows} == hashes
    assert len(rows) == 2
    await bot.close()
