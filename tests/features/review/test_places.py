"""Threads, forums and categories, backfills, exemptions, statistics and exports."""

import csv
import io
import json
from typing import Any

import discord
import pytest

from bot.engine.model import EngineModel
from bot.features.review.embeds.status import NOTICE
from bot.questions.sentiment import SentimentQuestion
from tests.features.review.conftest import BAD, GOOD, ReviewPlace, description, field


async def scored_in(place: ReviewPlace, place_id: int) -> dict[int, int]:
    """Return the channel id of each scored message of a place, by message id."""
    return {message.message_id: message.channel_id for message in await place.store.scores.latest(place_id)}


async def test_a_category_includes_the_channels_that_share_its_permissions(place: ReviewPlace) -> None:
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
    assert "open-staff" not in description(result)  # this moderator does not see it
    assert f"{odd.mention} has its own permissions, so it is not included. Watch it separately." in description(result)
    books = place.guild.create_text_channel("books", category=category)
    await place.env.settle()
    assert [message.content for message in books.history()] == [NOTICE]
    film, game = await place.member.send(films, GOOD), await place.member.send(games, BAD)
    assert await scored_in(place, category.id) == {film.id: films.id, game.id: games.id}
    preview = await place.moderator.slash(place.elsewhere, "review preview", channel=category, flag_below=0.5)
    assert f"/{games.id}/{game.id}" in description(preview)
    await place.moderator.slash(place.elsewhere, "review unwatch", channel=category)
    assert NOTICE not in [message.content for channel in (films, games) for message in channel.history()]
    assert await scored_in(place, category.id) == {}


async def test_a_forum_includes_its_posts(place: ReviewPlace) -> None:
    forum = place.guild.create_forum_channel("reviews-forum")
    result = await place.moderator.slash(place.elsewhere, "review watch", channel=forum)
    assert f"Add this to its guidelines:\n> {NOTICE}" in description(result)
    channel: Any = await place.env.bot.fetch_channel(forum.id)
    thread, _ = await channel.create_thread(name="A film", content="The bot's own words are not read.")
    (post,) = forum.threads
    message = await place.member.send(post, GOOD)
    assert await scored_in(place, forum.id) == {message.id: thread.id}


async def test_a_thread_is_watched_separately(place: ReviewPlace) -> None:
    channel: Any = await place.env.bot.fetch_channel(place.channel.id)
    await channel.create_thread(name="talk", type=discord.ChannelType.public_thread)
    (thread,) = place.channel.threads
    await place.watch(notice=False)
    await place.member.send(thread, GOOD)
    assert await scored_in(place, place.channel.id) == {}
    await place.moderator.slash(place.elsewhere, "review watch", channel=thread, notice=False)
    message = await place.member.send(thread, GOOD)
    assert await scored_in(place, thread.id) == {message.id: thread.id}


async def test_a_backfill_scores_old_messages_and_posts_nothing(place: ReviewPlace, demo_model: EngineModel) -> None:
    old = [await place.member.send(place.channel, text) for text in (BAD, GOOD, BAD, GOOD, BAD)]
    await place.start_flagging(label="react")
    result = await place.moderator.slash(place.channel, "review backfill", channel=place.channel, limit=4)
    assert result.response.embeds[0].title == "Backfill done"
    assert description(result) == f"{place.channel.mention}: 4 old messages were scored."
    expected = {
        message.id: demo_model.answer(SentimentQuestion(message.content)).positive_probability for message in old[1:]
    }
    scored = await place.store.scores.latest(place.channel.id)
    assert {message.message_id: message.positive_probability for message in scored} == pytest.approx(expected, abs=1e-5)
    assert place.cards == []
    assert [message.reactions for message in place.channel.history()] == [[]] * 5
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
    fields = {embed_field.name: embed_field.value for embed_field in status.response.embeds[0].fields}
    assert fields["Exempt"] == f"{staff.mention} {place.other.mention}"
    await place.moderator.slash(place.channel, "review exempt", who=place.other, remove=True)
    later = await place.other.send(place.channel, GOOD)
    assert set(await scored_in(place, place.channel.id)) == {read.id, later.id}


async def test_only_changes_of_exemptions_are_in_the_audit_log(place: ReviewPlace) -> None:
    for _ in range(2):
        await place.moderator.slash(place.channel, "review exempt", who=place.other, remove=True)
    assert await place.store.audit.latest(place.guild.id, 10) == []
    for text in ("are not read in this server", "already exempt"):
        result = await place.moderator.slash(place.channel, "review exempt", who=place.other)
        assert text in description(result)
    for _ in range(2):
        await place.moderator.slash(place.channel, "review exempt", who=place.other, remove=True)
    assert [entry.action for entry in await place.store.audit.latest(place.guild.id, 10)] == ["unexempt", "exempt"]


async def test_webhooks_are_not_read(place: ReviewPlace) -> None:
    await place.watch(notice=False)
    await place.guild.create_webhook(place.channel).send(GOOD)
    assert await scored_in(place, place.channel.id) == {}


async def test_statistics_are_about_the_channel_and_hide_small_groups(place: ReviewPlace) -> None:
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


async def test_an_export_has_links_and_figures_and_is_in_the_audit_log(place: ReviewPlace) -> None:
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
    assert [float(row["positive_probability"]) for row in rows] == [item["positive_probability"] for item in objects]
    assert [row["message"].rpartition("/")[2] for row in rows] == [str(message.id) for message in messages]
    status = await place.moderator.slash(place.channel, "review status")
    changes = field(status.response, "Latest changes")
    assert f"<@{place.moderator.id}> exported 2 messages as jsonl from <#{place.channel.id}>" in changes
