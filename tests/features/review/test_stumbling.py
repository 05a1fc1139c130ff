"""A Discord that stumbles, and runs that ended between posting and noting: what is shown stands there once."""

from typing import Any

import discord
import pytest
from sqlalchemy import text

from bot.engine.model import EngineModel
from bot.features.review.cases.alerts import CARDS_A_MINUTE
from bot.features.review.embeds.card import DIGEST_CASES
from bot.settings import Settings
from tests.features.review.conftest import BAD, GOOD, ReviewPlace, description, field, restarted


async def forget_where(place: ReviewPlace, change: str) -> None:
    """Leave the database as a run that ended between posting and noting left it."""
    async with place.reader._database.session() as session:
        await session.execute(text(change))


def requests(place: ReviewPlace, method: str, channel: Any) -> int:
    found = [one for one in place.env.http_requests if one.method == method and str(channel.id) in one.path]
    return len([one for one in found if "/messages" in one.path])


async def test_a_card_that_could_not_be_changed_is_changed_later(place: ReviewPlace) -> None:
    await place.flagging()
    await place.member.send(place.channel, BAD)
    place.env.inject_error("PATCH", f"/channels/{place.log.id}/messages/*", status=503, times=1)
    await place.moderator.click(place.cards[0], label="Claim")
    assert "claimed" not in field(place.cards[0], "History")
    await place.env.advance_time(30)
    assert "claimed" in field(place.cards[0], "History")
    edits = requests(place, "PATCH", place.log)
    await place.env.advance_time(120)
    assert requests(place, "PATCH", place.log) == edits


async def test_a_card_that_is_deleted_or_refused_is_let_be(place: ReviewPlace) -> None:
    await place.flagging()
    for _ in range(2):
        await place.member.send(place.channel, BAD)
    first, second = place.cards
    place.env.inject_error("PATCH", f"/channels/{place.log.id}/messages/{first.id}", status=403, times=1)
    await place.moderator.click(first, label="Claim")
    await place.moderator.delete(second)
    case = await place.store.cases.by_number(place.guild.id, 2)
    assert case is not None
    await place.reader.triage.act("confirm", case.id, place.moderator.id)
    asked = requests(place, "GET", place.log), requests(place, "PATCH", place.log)
    await place.env.advance_time(120)
    assert (requests(place, "GET", place.log), requests(place, "PATCH", place.log)) == asked


async def test_a_label_that_discord_did_not_take_comes_later_and_once(place: ReviewPlace) -> None:
    await place.live(label="reply")
    place.env.inject_error("POST", f"/channels/{place.channel.id}/messages", status=503, times=1)
    message = await place.member.send(place.channel, GOOD)
    assert len(place.channel.history()) == 1
    await place.env.advance_time(60)
    (reply,) = [one for one in place.channel.history() if one.id != message.id]
    assert reply.reference.message_id == message.id


async def test_a_label_that_was_posted_and_not_noted_is_found(
    place: ReviewPlace, demo_model: EngineModel, settings: Settings
) -> None:
    await place.live(label="reply")
    message = await place.member.send(place.channel, GOOD)
    await forget_where(place, "UPDATE message SET acts = true, shown_label = NULL, label_message_id = NULL")
    bot = await restarted(place, demo_model, settings)
    await place.env.advance_time(60)
    (reply,) = [one for one in place.channel.history() if one.id != message.id]
    await place.member.edit(message, BAD)
    (reply,) = [one for one in place.channel.history() if one.id != message.id]
    assert "Sounds negative" in reply.content
    await bot.close()


async def test_a_label_that_somebody_deleted_is_not_posted_again(place: ReviewPlace) -> None:
    await place.live(label="reply")
    message = await place.member.send(place.channel, GOOD)
    await place.moderator.delete(place.channel.history()[-1])
    await place.member.edit(message, BAD)
    assert [one.id for one in place.channel.history()] == [message.id]
    assert await place.store.showing.due(10) == []


async def test_a_label_below_a_message_that_is_gone_means_that_it_is_forgotten(place: ReviewPlace) -> None:
    await place.live(label="reply")
    place.env.inject_error(
        "POST", f"/channels/{place.channel.id}/messages", status=400, code=50035,
        message="Invalid Form Body\nIn message_reference: Unknown message",
    )  # fmt: skip
    await place.member.send(place.channel, GOOD)
    assert await place.store.privacy.messages_of(place.member.id) == []


async def test_a_label_that_may_not_be_posted_does_not_keep_the_card_back(place: ReviewPlace) -> None:
    await place.flagging(label="reply")
    place.env.inject_error("POST", f"/channels/{place.channel.id}/messages", status=403, times=1)
    await place.member.send(place.channel, BAD)
    assert len(place.channel.history()) == 1
    assert len(place.cards) == 1
    assert await place.store.showing.due(10) == []


async def test_a_digest_that_discord_did_not_take_stays_one_digest(place: ReviewPlace) -> None:
    await place.flagging()
    for _ in range(CARDS_A_MINUTE + 3):
        await place.member.send(place.channel, BAD)
    place.env.inject_error("POST", f"/channels/{place.log.id}/messages", status=503, times=1)
    await place.env.advance_time(180)
    assert len(place.cards) == CARDS_A_MINUTE
    assert [one.embeds[0].title for one in place.log.history()[CARDS_A_MINUTE:]] == ["3 more messages flagged"]


async def test_a_digest_that_was_posted_and_not_noted_is_found_with_what_its_menu_has_no_room_for(
    place: ReviewPlace, demo_model: EngineModel, settings: Settings
) -> None:
    await place.flagging()
    for _ in range(CARDS_A_MINUTE + DIGEST_CASES + 2):
        await place.member.send(place.channel, BAD)
    await place.env.advance_time(120)
    digest = place.log.history()[-1]
    assert digest.embeds[0].title == f"{DIGEST_CASES + 2} more messages flagged"
    await forget_where(place, "UPDATE review_case SET digest_message_id = NULL")
    bot = await restarted(place, demo_model, settings)
    await place.env.advance_time(180)
    assert len(place.log.history()) == CARDS_A_MINUTE + 1
    assert len(await place.store.cards.in_digest(digest.id)) == DIGEST_CASES + 2
    await bot.close()


async def test_a_card_that_is_found_shows_what_was_done_meanwhile_and_keeps_its_excerpt(
    place: ReviewPlace, demo_model: EngineModel, settings: Settings
) -> None:
    admins = place.guild.create_role("admins", permissions=discord.Permissions(administrator=True))
    admin = place.guild.add_member(place.env.create_user("root"), roles=[admins])
    await admin.slash(place.channel, "review watch", channel=place.channel, excerpts=True, notice=False)
    await place.flagging()
    await place.member.send(place.channel, BAD)
    case = await place.store.cases.by_number(place.guild.id, 1)
    assert case is not None
    await forget_where(place, "UPDATE review_case SET card_message_id = NULL, excerpt_until = NULL")
    await place.store.cases.claim(case.id, place.moderator.id)
    bot = await restarted(place, demo_model, settings)
    await place.env.advance_time(60)
    (card,) = place.cards
    assert f"claimed by <@{place.moderator.id}>" in field(card, "History")
    assert field(card, "Excerpt") == f"||{BAD}||"
    later = discord.utils.utcnow().replace(year=discord.utils.utcnow().year + 1)
    assert [one.id for one in await place.store.cards.expired_excerpts(later)] == [case.id]
    await bot.close()


async def test_a_message_that_could_not_be_kept_is_read_again(
    place: ReviewPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.watch(notice=False)
    with monkeypatch.context() as patched:

        async def gone(*_: object, **__: object) -> bool:
            raise ConnectionError("the database is gone")

        patched.setattr(place.store.messages, "record", gone)
        lost = await place.member.send(place.channel, GOOD)
    assert [str(error) for error in place.env.errors] == ["the database is gone"]
    later = await place.member.send(place.channel, GOOD)
    assert [one.message_id for one in await place.store.scores.latest(place.channel.id)] == [later.id]
    await place.env.advance_time(60)
    assert [one.message_id for one in await place.store.scores.latest(place.channel.id)] == [lost.id, later.id]
    reads = requests(place, "GET", place.channel)
    await place.env.advance_time(120)
    assert requests(place, "GET", place.channel) == reads  # nothing is behind any more
    assert "2 scored" in description(await place.moderator.slash(place.channel, "review status"))


@pytest.mark.parametrize(("member", "method"), [("showing", "mark_shown"), ("cards", "record")])
async def test_what_is_posted_while_its_message_is_forgotten_is_taken_away(
    place: ReviewPlace, monkeypatch: pytest.MonkeyPatch, member: str, method: str
) -> None:
    await place.flagging(label="reply")
    owner = getattr(place.store, member)
    record = getattr(owner, method)

    async def forgotten_before(*about: Any, **what: Any) -> bool:
        await place.store.privacy.delete_messages_of(place.member.id)
        noted: bool = await record(*about, **what)
        assert not noted
        return noted

    monkeypatch.setattr(owner, method, forgotten_before)
    message = await place.member.send(place.channel, BAD)
    await place.env.advance_time(60)
    assert [one.id for one in place.channel.history()] == [message.id]
    assert place.log.history() == []
