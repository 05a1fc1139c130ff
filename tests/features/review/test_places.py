"""Threads, forums and categories; what was posted before; who is not read."""

import csv
import io
import json
from typing import Any

import discord
import pytest

from bot.engine.model import EngineModel
from bot.features.review.embeds.status import NOTICE
from bot.questions.sentiment import SentimentQuestion
from tests.features.review.conftest import BAD, GOOD, ReviewPlace, description


async def scored_in(place: ReviewPlace, place_id: int) -> dict[int, int]:
    """Return by id where each scored message of a place stands."""
    return {one.message_id: one.channel_id for one in await place.store.scores.latest(place_id)}


async def test_a_category_is_its_channels_that_share_its_permissions(place: ReviewPlace) -> None:
    category = place.guild.create_category("reviews")
    films, games = (place.guild.create_text_channel(name, category=category) for name in ("films", "games"))
    hidden: dict[Any, discord.PermissionOverwrite] = {
        place.guild.default_role: discord.PermissionOverwrite(view_channel=False)
    }
    place.guild.create_text_channel("open-staff", category=category, overwrites=hidden)
    silent: dict[Any, discord.PermissionOverwrite] = {
        place.guild.default_role: discord.PermissionOverwrite(send_messages=False)
    }
    odd = place.guild.create_text_channel("news", category=category, overwrites=silent)
    result = await place.moderator.slash(place.elsewhere, "review watch", channel=category)
    assert "The bot posted a notice for the members in 2 channels." in description(result)
    assert "open-staff" not in description(result)  # which this moderator does not see
    assert f"{odd.mention} has its own permissions, so it is not included. Watch it separately." in description(result)
    books = place.guild.create_text_channel("books", category=category)
    await place.env.settle()
    assert [one.content for one in books.history()] == [NOTICE]
    one, two = await place.member.send(films, GOOD), await place.member.send(games, BAD)
    assert await scored_in(place, category.id) == {one.id: films.id, two.id: games.id}
    preview = await place.moderator.slash(place.elsewhere, "review preview", channel=category, flag_below=0.5)
    assert f"/{games.id}/{two.id}" in description(preview)
    await place.moderator.slash(place.elsewhere, "review unwatch", channel=category)
    assert NOTICE not in [one.content for channel in (films, games) for one in channel.history()]
    assert await scored_in(place, category.id) == {}


async def test_a_forum_is_its_posts(place: ReviewPlace) -> None:
    forum = place.guild.create_forum_channel("reviews-forum")
    result = await place.moderator.slash(place.elsewhere, "review watch", channel=forum)
    assert f"Add this to its guidelines:\n> {NOTICE}" in description(result)
    found: Any = await place.env.bot.fetch_channel(forum.id)
    thread, _ = await found.create_thread(name="A film", content="The bot's own words are not read.")
    (post,) = forum.threads
    message = await place.member.send(post, GOOD)
    assert await scored_in(place, forum.id) == {message.id: thread.id}


async def test_a_thread_is_watched_by_itself(place: ReviewPlace) -> None:
    channel: Any = await place.env.bot.fetch_channel(place.channel.id)
    await channel.create_thread(name="talk", type=discord.ChannelType.public_thread)
    (thread,) = place.channel.threads
    await place.watch(notice=False)
    await place.member.send(thread, GOOD)
    assert await scored_in(place, place.channel.id) == {}
    await place.moderator.slash(place.elsewhere, "review watch", channel=thread, notice=False)
    message = await place.member.send(thread, GOOD)
    assert await scored_in(place, thread.id) == {message.id: thread.id}


async def test_backfill_scores_what_was_posted_before_and_posts_nothing(
    place: ReviewPlace, demo_model: EngineModel
) -> None:
    old = [await place.member.send(place.channel, text) for text in (BAD, GOOD, BAD, GOOD, BAD)]
    await place.flagging(label="react")
    result = await place.moderator.slash(place.channel, "review backfill", channel=place.channel, limit=4)
    assert result.response.embeds[0].title == "Backfill done"
    assert description(result) == f"{place.channel.mention}: 4 old messages were scored."
    expected = {one.id: demo_model.answer(SentimentQuestion(one.content)).positive_probability for one in old[1:]}
    found = {one.message_id: one.positive_probability for one in await place.store.scores.latest(place.channel.id)}
    assert found == pytest.approx(expected, abs=1e-5)
    assert place.cards == []
    assert [one.reactions for one in place.channel.history()] == [[]] * 5
    again = await place.moderator.slash(place.channel, "review backfill", channel=place.channel, limit=5)
    assert "1 old message was scored. Skipped 4: nothing to score" in description(again)


async def test_a_backfill_needs_a_watched_channel(place: ReviewPlace) -> None:
    refused = await place.moderator.slash(place.channel, "review backfill", channel=place.channel)
    assert "is not watched. Start with /review watch." in description(refused)


async def test_exempt_people_and_roles_are_not_read(place: ReviewPlace) -> None:
    await place.watch(notice=False)
    staff = place.guild.create_role("staff")
    colleague = place.guild.add_member(place.env.create_user("cleo"), roles=[staff])
    for who in (staff, place.other):
        result = await place.moderator.slash(place.channel, "review exempt", who=who)
        assert description(result).startswith(f"New messages of {who.mention} are not read in this server.")
    read = await place.member.send(place.channel, GOOD)
    for person in (colleague, place.other):
        await person.send(place.channel, GOOD)
    assert list(await scored_in(place, place.channel.id)) == [read.id]
    status = await place.moderator.slash(place.channel, "review status")
    fields = {one.name: one.value for one in status.response.embeds[0].fields}
    assert fields["Exempt"] == f"{staff.mention} {place.other.mention}"
    await place.moderator.slash(place.channel, "review exempt", who=place.other, remove=True)
    later = await place.other.send(place.channel, GOOD)
    assert set(await scored_in(place, place.channel.id)) == {read.id, later.id}


async def test_only_an_exemption_that_ends_is_in_the_audit_log(place: ReviewPlace) -> None:
    for _ in range(2):
        await place.moderator.slash(place.channel, "review exempt", who=place.other, remove=True)
    assert await place.store.audit.latest(place.guild.id, 10) == []
    await place.moderator.slash(place.channel, "review exempt", who=place.other)
    for _ in range(2):
        await place.moderator.slash(place.channel, "review exempt", who=place.other, remove=True)
    assert [entry.action for entry in await place.store.audit.latest(place.guild.id, 10)] == ["unexempt", "exempt"]


async def test_webhooks_are_not_read(place: ReviewPlace) -> None:
    await place.watch(notice=False)
    await place.guild.create_webhook(place.channel).send(GOOD)
    assert await scored_in(place, place.channel.id) == {}


async def test_statistics_are_of_the_channel_and_hide_small_groups(place: ReviewPlace) -> None:
    await place.watch(notice=False)
    for _ in range(3):
        await place.member.send(place.channel, GOOD)
    few = await place.moderator.slash(place.channel, "review stats", channel=place.channel)
    assert "no day with 5 or more scored messages" in description(few)
    assert few.response.attachments == []
    for text in (BAD, GOOD, BAD):
        await place.other.send(place.channel, text)
    shown = await place.moderator.slash(place.channel, "review stats", channel=place.channel, days=7)
    assert description(shown) == f"{place.channel.mention}, the last 7 days: **6 messages**, **67% positive**."
    (picture,) = shown.response.attachments
    assert picture.filename == "trend.png"
    assert str(place.member.id) not in description(shown)


async def test_an_export_has_links_and_figures_and_is_noted(place: ReviewPlace) -> None:
    await place.watch(notice=False)
    messages = [await place.member.send(place.channel, text) for text in (GOOD, BAD)]
    tables = {}
    for kind in ("csv", "jsonl"):
        result = await place.moderator.slash(place.channel, "review export", channel=place.channel, format=kind)
        (file,) = result.response.attachments
        tables[kind] = (await file.read()).decode()
        assert str(place.member.id) not in tables[kind]
        assert GOOD not in tables[kind]
    rows = list(csv.DictReader(io.StringIO(tables["csv"])))
    objects = [json.loads(line) for line in tables["jsonl"].splitlines()]
    assert [float(row["positive_probability"]) for row in rows] == [one["positive_probability"] for one in objects]
    assert [row["message"].rpartition("/")[2] for row in rows] == [str(one.id) for one in messages]
    status = await place.moderator.slash(place.channel, "review status")
    changes = next(one.value for one in status.response.embeds[0].fields if one.name == "Latest changes")
    assert f"<@{place.moderator.id}> exported 2 messages as jsonl from <#{place.channel.id}>" in changes
