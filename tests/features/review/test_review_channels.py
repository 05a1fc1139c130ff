"""Review channels in shadow: watched messages are scored once, and only moderators see the scores."""

import json
from pathlib import Path

import discord
import pytest
import simcord

from bot.app.client import Nightword
from bot.engine.model import EngineModel
from bot.features.review.embeds.status import NONE_WATCHED, NOTICE
from bot.questions.sentiment import SentimentQuestion
from bot.rendering.tables import percentage
from bot.settings import Settings
from tests.conftest import make_executor
from tests.features.review.conftest import BAD, GOOD, ReviewPlace, description


async def scores(place: ReviewPlace) -> dict[int, float]:
    scored = await place.store.scores.latest(place.channel.id)
    return {message.message_id: message.positive_probability for message in scored}


async def test_each_message_is_scored_once_with_the_model_s_own_numbers(
    place: ReviewPlace, demo_model: EngineModel
) -> None:
    watching = await place.watch()
    assert watching.response.ephemeral
    assert place.channel.history()[-1].content == NOTICE
    good, bad = [await place.member.send(place.channel, text) for text in (GOOD, BAD)]
    await place.member.send(place.elsewhere, GOOD)
    expected = {
        message.id: demo_model.answer(SentimentQuestion(message.content)).positive_probability
        for message in (good, bad)
    }
    assert await scores(place) == pytest.approx(expected, abs=1e-5)
    assert len(place.channel.history()) == 3  # the notice and the two messages: the bot posted nothing about them


async def test_a_preview_has_a_count_links_and_a_histogram(place: ReviewPlace, demo_model: EngineModel) -> None:
    await place.watch(notice=False)
    bad = await place.member.send(place.channel, BAD)
    for _ in range(3):
        await place.other.send(place.channel, GOOD)
    result = await place.moderator.slash(place.channel, "review preview", channel=place.channel, flag_below=0.5)
    assert result.response.ephemeral
    text = description(result)
    probability = percentage(demo_model.answer(SentimentQuestion(BAD)).positive_probability)
    link = f"https://discord.com/channels/{place.channel.guild.id}/{place.channel.id}/{bad.id}"
    assert text == (
        f"With `flag_below:0.5` you would have flagged **1 of the last 4** in {place.channel.mention}.\n"
        f"- {probability} · [message]({link}) · <@{place.member.id}>"
    )
    (picture,) = result.response.attachments
    assert picture.filename == "spread.png"
    assert picture.description.startswith("Histogram of P(positive) of 4 messages. 1 would be flagged, below 0.50.")
    assert await picture.read() != b""
    assert "Sentiment is not toxicity" in result.response.embeds[0].footer.text
    none = await place.moderator.slash(place.channel, "review preview", channel=place.channel, flag_below=0.0)
    assert "**0 of the last 4**" in description(none)


async def test_an_edit_is_scored_again_and_a_deletion_deletes_data(place: ReviewPlace, demo_model: EngineModel) -> None:
    await place.watch(notice=False)
    message = await place.member.send(place.channel, GOOD)
    await place.member.edit(message, BAD)
    expected = demo_model.answer(SentimentQuestion(BAD)).positive_probability
    assert (await scores(place))[message.id] == pytest.approx(expected, abs=1e-5)
    assert len(await place.store.privacy.messages_of(place.member.id)) == 2  # the history is kept
    await place.member.delete(message)
    assert await scores(place) == {}
    assert await place.store.privacy.messages_of(place.member.id) == []


async def test_unwatch_deletes_all_data_and_the_notice(place: ReviewPlace) -> None:
    await place.watch()
    await place.member.send(place.channel, GOOD)
    result = await place.moderator.slash(place.channel, "review unwatch", channel=place.channel)
    assert "no longer watched. Everything stored about it is deleted" in description(result)
    assert [message.content for message in place.channel.history()] == [GOOD]
    await place.member.send(place.channel, BAD)
    assert await place.store.privacy.messages_of(place.member.id) == []
    again = await place.moderator.slash(place.channel, "review unwatch", channel=place.channel)
    assert "was not watched" in description(again)
    refused = await place.moderator.slash(place.channel, "review preview", channel=place.channel)
    assert "is not watched. Start with /review watch." in description(refused)


async def test_status_lists_watched_channels_and_watching_twice_changes_nothing(place: ReviewPlace) -> None:
    nothing = await place.moderator.slash(place.channel, "review status")
    assert description(nothing) == NONE_WATCHED
    await place.watch(notice=False)
    await place.member.send(place.channel, GOOD)
    assert "is already watched" in description(await place.watch())
    status = await place.moderator.slash(place.channel, "review status")
    assert description(status).startswith(f"<#{place.channel.id}> · **shadow** · 1 scored · watched since <t:")
    assert status.response.embeds[0].fields[0].value == "0"


async def test_members_can_see_copy_and_delete_their_data_and_opt_out(place: ReviewPlace) -> None:
    await place.watch(notice=False)
    for text in (GOOD, BAD):
        await place.member.send(place.channel, text)
    kept = await place.other.send(place.channel, GOOD)
    info = await place.member.slash(place.elsewhere, "privacy info")
    assert info.response.ephemeral
    assert "**The text is not stored**" in description(info)
    assert description(info).endswith("You have not opted out.")
    export = await place.member.slash(place.elsewhere, "privacy export")
    (file,) = export.response.attachments
    rows = json.loads(await file.read())["messages"]
    assert len(rows) == 2
    assert all(0 <= row["positive_probability"] <= 1 for row in rows)
    assert GOOD not in json.dumps(rows)
    deleted = await place.member.slash(place.elsewhere, "privacy delete")
    assert description(deleted).startswith("The data of 2 of your messages was deleted.")
    await place.member.send(place.channel, GOOD)
    optout = await place.member.slash(place.elsewhere, "privacy optout")
    assert description(optout).endswith("1 of your messages was deleted. The bot will not read your messages again.")
    await place.member.send(place.channel, BAD)
    assert list(await scores(place)) == [kept.id]


async def test_an_export_has_discord_s_ids_as_strings(place: ReviewPlace) -> None:
    await place.start_flagging()
    message = await place.member.send(place.channel, BAD)
    await place.moderator.click(place.cards[0], label="Claim")
    export = await place.member.slash(place.elsewhere, "privacy export")
    (file,) = export.response.attachments
    data = json.loads(await file.read(), parse_int=lambda digits: int(float(digits)))  # as JavaScript reads numbers
    ids = {"message_id": message.id, "posted_in": place.channel.id, "guild_id": place.channel.guild.id}
    [row], [case] = data["messages"], data["cases"]
    for name, id_ in ids.items():
        assert (row[name], case[name]) == (str(id_), str(id_))
    assert (case["author_id"], case["claimed_by"]) == (str(place.member.id), str(place.moderator.id))
    assert (case["id"], case["number"], case["decided_by"]) == (1, 1, None)


async def test_no_file_contains_a_message_text(
    place: ReviewPlace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await place.watch(notice=False)
    await place.member.send(place.channel, "The password is Tr0ub4dor&3, a great film.")
    author = str(place.member.id)
    await place.member.slash(place.channel, "privacy delete")
    for file in tmp_path.iterdir():
        content = file.read_bytes()
        assert b"Tr0ub4dor" not in content
        assert author.encode() not in content
    assert "Tr0ub4dor" not in caplog.text


async def test_waiting_messages_are_scored_after_a_restart(
    place: ReviewPlace, demo_model: EngineModel, settings: Settings
) -> None:
    await place.watch(notice=False)
    message = await place.member.send(place.channel, GOOD)
    await place.store.messages.delete([message.id])
    location = (place.channel.id, place.channel.guild.id, place.member.id)
    old_content = (*location, message.created_at, "the text before an edit")
    assert await place.store.messages.record(message.id, *old_content, channel_id=place.channel.id)
    deleted = (*location, message.created_at, "deleted before it was scored")
    assert await place.store.messages.record(message.id - 1, *deleted, channel_id=place.channel.id)
    # Then the bot was switched off.
    bot = Nightword(settings, make_executor(lambda: demo_model, settings))
    bot.executor.start()
    bot.executor.wait_until_loaded()
    await place.env.restart_bot(bot)
    expected = demo_model.answer(SentimentQuestion(GOOD)).positive_probability
    assert await scores(place) == pytest.approx({message.id: expected}, abs=1e-5)  # its text was fetched again
    later = await place.member.send(place.channel, BAD)
    assert set(await scores(place)) == {message.id, later.id}
    await bot.close()


async def test_people_who_cannot_moderate_a_channel_are_refused(place: ReviewPlace) -> None:
    denied = {place.moderator: discord.PermissionOverwrite(manage_messages=False)}
    others = place.channel.guild.create_text_channel("news", overwrites=denied)
    for command in ("review watch", "review unwatch", "review preview"):
        with pytest.raises(simcord.SetupError):  # Discord does not offer it
            await place.member.slash(place.channel, command, channel=place.channel)
        refused = await place.moderator.slash(place.channel, command, channel=others)
        assert refused.response.ephemeral
        assert "You need View Channel and Manage Messages in" in description(refused)
    assert await place.store.places.all() == []
