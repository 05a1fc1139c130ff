"""Failures of Discord, and crashes between posting and recording: everything is shown exactly once."""

from typing import Any

import discord
import pytest
from sqlalchemy import text

from bot.engine.model import EngineModel
from bot.features.review.cases.alerts import CARDS_A_MINUTE
from bot.features.review.embeds.card import DIGEST_CASES
from bot.settings import Settings
from tests.features.review.conftest import BAD, GOOD, ReviewPlace, description, field, message_ids, restart


async def undo_record(place: ReviewPlace, change: str) -> None:
    """Change the database to the state that a crash between posting and recording leaves."""
    async with place.reader._database.session() as session:
        await session.execute(text(change))


def request_count(place: ReviewPlace, method: str, channel: Any) -> int:
    paths = [request.path for request in place.env.http_requests if request.method == method]
    return len([path for path in paths if str(channel.id) in path and "/messages" in path])


async def test_a_card_that_could_not_be_updated_is_updated_later(place: ReviewPlace) -> None:
    await place.start_flagging()
    await place.member.send(place.channel, BAD)
    place.env.inject_error("PATCH", f"/channels/{place.log.id}/messages/*", status=503, times=1)
    await place.moderator.click(place.cards[0], label="Claim")
    assert "claimed" not in field(place.cards[0], "History")
    await place.env.advance_time(30)
    assert "claimed" in field(place.cards[0], "History")
    edits = request_count(place, "PATCH", place.log)
    await place.env.advance_time(120)
    assert request_count(place, "PATCH", place.log) == edits


async def test_a_card_that_is_deleted_or_refused_is_not_retried(place: ReviewPlace) -> None:
    await place.start_flagging()
    for _ in range(2):
        await place.member.send(place.channel, BAD)
    first, second = place.cards
    place.env.inject_error("PATCH", f"/channels/{place.log.id}/messages/{first.id}", status=403, times=1)
    await place.moderator.click(first, label="Claim")
    await place.moderator.delete(second)
    case = await place.store.cases.by_number(place.guild.id, 2)
    assert case is not None
    await place.reader.triage.act("confirm", case.id, place.moderator.id)
    counts = request_count(place, "GET", place.log), request_count(place, "PATCH", place.log)
    await place.env.advance_time(120)
    assert (request_count(place, "GET", place.log), request_count(place, "PATCH", place.log)) == counts


async def test_a_label_that_discord_did_not_accept_is_posted_later_and_once(place: ReviewPlace) -> None:
    await place.go_live(label="reply")
    place.env.inject_error("POST", f"/channels/{place.channel.id}/messages", status=503, times=1)
    message = await place.member.send(place.channel, GOOD)
    assert len(place.channel.history()) == 1
    await place.env.advance_time(60)
    (reply,) = [reply for reply in place.channel.history() if reply.id != message.id]
    assert reply.reference.message_id == message.id


async def test_a_label_that_was_posted_but_not_recorded_is_found(
    place: ReviewPlace, demo_model: EngineModel, settings: Settings
) -> None:
    await place.go_live(label="reply")
    message = await place.member.send(place.channel, GOOD)
    await undo_record(place, "UPDATE message SET acts = true, shown_label = NULL, label_message_id = NULL")
    bot = await restart(place, demo_model, settings)
    await place.env.advance_time(60)
    (reply,) = [reply for reply in place.channel.history() if reply.id != message.id]
    await place.member.edit(message, BAD)
    (reply,) = [reply for reply in place.channel.history() if reply.id != message.id]
    assert "Sounds negative" in reply.content
    await bot.close()


async def test_a_label_that_a_moderator_deleted_is_not_posted_again(place: ReviewPlace) -> None:
    await place.go_live(label="reply")
    message = await place.member.send(place.channel, GOOD)
    await place.moderator.delete(place.channel.history()[-1])
    await place.member.edit(message, BAD)
    assert message_ids(place.channel) == [message.id]
    assert await place.store.showing.due(10) == []


async def test_data_is_deleted_if_the_message_is_missing_when_it_gets_its_label(place: ReviewPlace) -> None:
    await place.go_live(label="reply")
    place.env.inject_error(
        "POST", f"/channels/{place.channel.id}/messages", status=400, code=50035,
        message="Invalid Form Body\nIn message_reference: Unknown message",
    )  # fmt: skip
    await place.member.send(place.channel, GOOD)
    assert await place.store.privacy.messages_of(place.member.id) == []


async def test_a_card_is_posted_even_if_its_label_is_refused(place: ReviewPlace) -> None:
    await place.start_flagging(label="reply")
    place.env.inject_error("POST", f"/channels/{place.channel.id}/messages", status=403, times=1)
    await place.member.send(place.channel, BAD)
    assert len(place.channel.history()) == 1
    assert len(place.cards) == 1
    assert await place.store.showing.due(10) == []


async def test_a_digest_that_discord_did_not_accept_stays_one_digest(place: ReviewPlace) -> None:
    await place.start_flagging()
    for _ in range(CARDS_A_MINUTE + 3):
        await place.member.send(place.channel, BAD)
    place.env.inject_error("POST", f"/channels/{place.log.id}/messages", status=503, times=1)
    await place.env.advance_time(180)
    assert len(place.cards) == CARDS_A_MINUTE
    assert [message.embeds[0].title for message in place.log.history()[CARDS_A_MINUTE:]] == ["3 more messages flagged"]


async def test_a_digest_that_was_posted_but_not_recorded_is_found_with_cases_beyond_its_menu(
    place: ReviewPlace, demo_model: EngineModel, settings: Settings
) -> None:
    await place.start_flagging()
    for _ in range(CARDS_A_MINUTE + DIGEST_CASES + 2):
        await place.member.send(place.channel, BAD)
    await place.env.advance_time(120)
    digest = place.log.history()[-1]
    assert digest.embeds[0].title == f"{DIGEST_CASES + 2} more messages flagged"
    await undo_record(place, "UPDATE review_case SET digest_message_id = NULL")
    bot = await restart(place, demo_model, settings)
    await place.env.advance_time(180)
    assert len(place.log.history()) == CARDS_A_MINUTE + 1
    assert len(await place.store.cards.in_digest(digest.id)) == DIGEST_CASES + 2
    await bot.close()


async def test_a_card_found_in_the_channel_is_updated_and_keeps_its_excerpt(
    place: ReviewPlace, demo_model: EngineModel, settings: Settings
) -> None:
    admins = place.guild.create_role("admins", permissions=discord.Permissions(administrator=True))
    admin = place.guild.add_member(place.env.create_user("root"), roles=[admins])
    await admin.slash(place.channel, "review watch", channel=place.channel, excerpts=True, notice=False)
    await place.start_flagging()
    await place.member.send(place.channel, BAD)
    case = await place.store.cases.by_number(place.guild.id, 1)
    assert case is not None
    await undo_record(place, "UPDATE review_case SET card_message_id = NULL, excerpt_until = NULL")
    await place.store.cases.claim(case.id, place.moderator.id)
    bot = await restart(place, demo_model, settings)
    await place.env.advance_time(60)
    (card,) = place.cards
    assert f"claimed by <@{place.moderator.id}>" in field(card, "History")
    assert field(card, "Excerpt") == f"||{BAD}||"
    later = discord.utils.utcnow().replace(year=discord.utils.utcnow().year + 1)
    assert [case.id for case in await place.store.cards.expired_excerpts(later)] == [case.id]
    await bot.close()


async def test_a_message_that_could_not_be_recorded_is_read_again(
    place: ReviewPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.watch(notice=False)
    with monkeypatch.context() as patched:

        async def fail(*_: object, **__: object) -> bool:
            raise ConnectionError("the database is gone")

        patched.setattr(place.store.messages, "record", fail)
        lost = await place.member.send(place.channel, GOOD)
    assert [str(error) for error in place.env.errors] == ["the database is gone"]
    later = await place.member.send(place.channel, GOOD)
    assert [message.message_id for message in await place.store.scores.latest(place.channel.id)] == [later.id]
    await place.env.advance_time(60)
    assert [message.message_id for message in await place.store.scores.latest(place.channel.id)] == [lost.id, later.id]
    reads = request_count(place, "GET", place.channel)
    await place.env.advance_time(120)
    assert request_count(place, "GET", place.channel) == reads  # no place is behind
    assert "2 scored" in description(await place.moderator.slash(place.channel, "review status"))


@pytest.mark.parametrize(("member", "method"), [("showing", "mark_shown"), ("cards", "record")])
async def test_posts_about_a_message_that_is_deleted_meanwhile_are_deleted(
    place: ReviewPlace, monkeypatch: pytest.MonkeyPatch, member: str, method: str
) -> None:
    await place.start_flagging(label="reply")
    owner = getattr(place.store, member)
    record = getattr(owner, method)

    async def delete_then_record(*args: Any, **options: Any) -> bool:
        await place.store.privacy.delete_messages_of(place.member.id)
        is_recorded: bool = await record(*args, **options)
        assert not is_recorded
        return is_recorded

    monkeypatch.setattr(owner, method, delete_then_record)
    message = await place.member.send(place.channel, BAD)
    await place.env.advance_time(60)
    assert message_ids(place.channel) == [message.id]
    assert place.log.history() == []
