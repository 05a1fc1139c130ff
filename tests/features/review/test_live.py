"""Live places: labels in the channel itself, and cards for flagged messages."""

from datetime import timedelta

import discord
import pytest

from bot.engine.model import EngineModel
from bot.features.review.embeds.card import REACTIONS
from bot.features.review.showing.weekly import post_weekly_digests
from bot.questions.sentiment import SentimentQuestion
from bot.rendering.escaping import escape_prose
from bot.rendering.tables import percentage
from tests.features.review.conftest import BAD, GOOD, ReviewPlace, description, field, message_ids


def reactions(place: ReviewPlace, message: discord.Message) -> list[str]:
    current = next(other for other in place.channel.history() if other.id == message.id)
    return [str(reaction.emoji) for reaction in current.reactions]


async def test_nothing_is_shown_until_a_place_is_live(place: ReviewPlace) -> None:
    shadow = await place.watch(notice=False, label="react", flag_below=0.5, log_channel=place.log)
    assert "It is in **shadow**" in description(shadow)
    before = await place.member.send(place.channel, BAD)
    assert reactions(place, before) == []
    live = await place.moderator.slash(place.channel, "review live", channel=place.channel)
    assert "are now shown: a reaction to each message, flags below 0.5" in description(live)
    after = await place.member.send(place.channel, BAD)
    assert reactions(place, after) == [REACTIONS["negative"]]
    assert reactions(place, before) == []
    assert len(place.cards) == 1
    await place.moderator.slash(place.channel, "review live", channel=place.channel, on=False)
    assert reactions(place, await place.member.send(place.channel, GOOD)) == []


async def test_a_reaction_follows_an_edit(place: ReviewPlace) -> None:
    await place.go_live(label="react")
    message = await place.member.send(place.channel, GOOD)
    assert reactions(place, message) == [REACTIONS["positive"]]
    await place.member.edit(message, BAD)
    assert reactions(place, message) == [REACTIONS["negative"]]


async def test_a_small_reply_follows_an_edit_and_is_deleted_with_its_message(
    place: ReviewPlace, demo_model: EngineModel
) -> None:
    await place.go_live(label="reply")
    message = await place.member.send(place.channel, GOOD)
    good, bad = (percentage(demo_model.answer(SentimentQuestion(text)).positive_probability) for text in (GOOD, BAD))
    reply = place.channel.history()[-1]
    assert reply.content == f"-# 🙂 Sounds positive · P(positive) {good} · a small model's guess"
    assert reply.reference.message_id == message.id
    await place.member.edit(message, BAD)
    assert [message.content for message in place.channel.history()] == [
        BAD,
        f"-# 🙁 Sounds negative · P(positive) {bad} · a small model's guess",
    ]
    await place.member.delete(message)
    assert place.channel.history() == []


async def test_a_flagged_message_gets_one_card(place: ReviewPlace, demo_model: EngineModel) -> None:
    await place.start_flagging()
    message = await place.member.send(place.channel, BAD)
    await place.member.send(place.channel, GOOD)
    verdict = demo_model.answer(SentimentQuestion(BAD))
    (card,) = place.cards
    embed = card.embeds[0]
    assert embed.title == "Case 1 · flagged"
    link = f"https://discord.com/channels/{place.guild.id}/{place.channel.id}/{message.id}"
    assert embed.description is not None
    assert embed.description.startswith(f"[message]({link}) by <@{place.member.id}> in <#{place.channel.id}>, <t:")
    assert {embed_field.name: embed_field.value for embed_field in embed.fields if embed_field.name != "History"} == {
        "P(positive)": escape_prose(percentage(verdict.positive_probability)),
        "Flagged below": "0.5",
        "Margin": f"{verdict.margin:+.2f} logits",
        "Label mass": escape_prose(percentage(verdict.label_mass)),
        "Model": "demo · local",
        "Flags so far": "not measured on this server",
    }
    assert field(card, "History").startswith(f"`1` flagged at {percentage(verdict.positive_probability)} · <t:")
    assert "Sentiment is not toxicity" in str(embed.footer.text)
    labels = [button.label for row in card.components for button in row.children]  # type: ignore[union-attr]  # all are buttons
    assert labels == ["Claim", "Confirm", "Dismiss", "Note"]
    assert BAD not in str(embed.to_dict())


async def test_an_edit_updates_a_case_and_a_deletion_deletes_its_card(place: ReviewPlace) -> None:
    await place.start_flagging()
    message = await place.member.send(place.channel, BAD)
    await place.member.edit(message, GOOD)
    (card,) = place.cards
    assert card.embeds[0].title == "Case 1 · flagged · withdrawn"
    assert "no longer below the threshold" in field(card, "History")
    await place.member.edit(message, BAD)
    assert place.cards[0].embeds[0].title == "Case 1 · flagged"
    assert "flagged again" in field(place.cards[0], "History")
    await place.member.delete(message)
    assert place.cards == []
    assert await place.store.privacy.messages_of(place.member.id) == []
    again = await place.member.send(place.channel, BAD)
    assert place.cards[0].embeds[0].title == "Case 2 · flagged"
    await place.member.slash(place.channel, "privacy delete")
    assert place.cards == []
    assert again.id in message_ids(place.channel)


async def test_the_title_of_an_urgent_case_says_so(place: ReviewPlace) -> None:
    await place.start_flagging(urgent_below=0.49)
    await place.member.send(place.channel, BAD)
    assert place.cards[0].embeds[0].title == "Case 1 · urgent"


async def test_excerpts_are_shown_if_turned_on_and_for_thirty_days(place: ReviewPlace) -> None:
    refused = await place.watch(excerpts=True)
    assert "You need Manage Server to turn excerpts on" in description(refused)
    admins = place.guild.create_role("admins", permissions=discord.Permissions(administrator=True))
    admin = place.guild.add_member(place.env.create_user("root"), roles=[admins])
    await admin.slash(place.channel, "review watch", channel=place.channel, excerpts=True, notice=False)
    await place.start_flagging()
    await place.member.send(place.channel, "A **dull**, lifeless film ||that|| wasted my evening.")
    card = place.cards[0]
    assert field(card, "Excerpt") == "||A \\*\\*dull\\*\\*, lifeless film \\|\\|that\\|\\| wasted my evening.||"
    await place.moderator.click(card, label="Claim")
    assert field(place.cards[0], "Excerpt").startswith("||A")
    case = await place.store.cases.by_number(place.guild.id, 1)
    assert case is not None
    moment = discord.utils.utcnow()
    assert await place.store.cards.expired_excerpts(moment) == []
    for days, is_shown in ((29, True), (31, False)):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(discord.utils, "utcnow", lambda later=moment + timedelta(days=days): later)
            await place.reader.publisher.alerts.erase_excerpts()
        assert ("Excerpt" in {embed_field.name for embed_field in place.cards[0].embeds[0].fields}) == is_shown


async def test_many_flags_in_a_minute_become_one_digest(place: ReviewPlace) -> None:
    await place.start_flagging()
    for _ in range(9):
        await place.member.send(place.channel, BAD)
    assert len(place.cards) == 5
    await place.env.advance_time(120)
    digest = place.log.history()[-1]
    assert digest.embeds[0].title == "4 more messages flagged"
    assert str(place.member.id) not in str(digest.embeds[0].to_dict())
    (menu,) = digest.components[0].children
    assert [option.label for option in menu.options] == ["Case 6", "Case 7", "Case 8", "Case 9"]
    await place.moderator.select(digest, values=[menu.options[1].value])
    assert place.cards[-1].embeds[0].title == "Case 7 · flagged"
    await place.env.advance_time(120)
    assert len(place.cards) == 6


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_log_channel_that_refuses_is_suspended_with_one_notice(place: ReviewPlace, status: int) -> None:
    await place.start_flagging()
    place.env.inject_error("POST", f"/channels/{place.log.id}/messages", status=status, times=1)
    for _ in range(3):
        await place.member.send(place.channel, BAD)
    assert place.cards == []
    posts = [
        request for request in place.env.http_requests if request.method == "POST" and str(place.log.id) in request.path
    ]
    assert len(posts) == 1
    assert "**suspended**" in description(await place.moderator.slash(place.channel, "review status"))
    (notice,) = [
        message for message in place.guild.owner.dm_channel.history() if "The bot can't post in" in message.content
    ]
    assert f"<#{place.log.id}>" in notice.content
    await place.moderator.slash(place.channel, "review live", channel=place.channel)
    assert len(place.cards) == 3


async def test_the_log_channel_gets_a_digest_once_a_week(place: ReviewPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    await place.start_flagging()
    messages = [await place.member.send(place.channel, text) for text in (GOOD, BAD)]
    await place.moderator.click(place.cards[0], label="Confirm")
    now = discord.utils.utcnow()
    (watched,) = await place.store.places.all()
    assert watched.digest_at is not None
    start = discord.utils.snowflake_time(messages[0].id) - timedelta(minutes=1)
    assert await place.store.places.set_digest_at(watched.place_id, watched.digest_at, start)
    for days, count in ((6, 0), (7, 1), (8, 1), (14, 2)):
        monkeypatch.setattr(discord.utils, "utcnow", lambda later=start + timedelta(days=days): later)
        await post_weekly_digests(place.env.bot, place.store)
        digests = [message for message in place.log.history() if message.embeds[0].title == "The week in review"]
        assert len(digests) == count
    monkeypatch.setattr(discord.utils, "utcnow", lambda: now)
    first, second = (str(digest.embeds[0].description) for digest in digests)
    assert "2 messages scored." in first
    assert "In total 1 of 1 decided cases were confirmed (100%)" in first
    assert "0 messages scored." in second


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"flag_below": 0.2}, "flag_below needs a log_channel"),
        (
            {"flag_below": 0.2, "urgent_below": 0.3, "log_channel": "log"},
            "urgent\\_below is 0.3, but must be below flag",
        ),
        ({"flag_below": 0.2, "log_channel": "channel"}, "The log channel is itself watched"),
    ],
)
async def test_contradictory_options_are_refused(place: ReviewPlace, options: dict[str, object], problem: str) -> None:
    given = {name: getattr(place, value) if isinstance(value, str) else value for name, value in options.items()}
    refused = await place.watch(**given)
    assert refused.response.ephemeral
    assert problem in description(refused).replace("\\_", "_").replace("urgent_below is", "urgent\\_below is")
    assert await place.store.places.all() == []


async def test_live_with_nothing_to_show_is_refused(place: ReviewPlace) -> None:
    await place.watch()
    refused = await place.moderator.slash(place.channel, "review live", channel=place.channel)
    assert "so there is nothing to show" in description(refused)
