"""The data of questions: exported, deleted with a member's messages or the place, and told in the weekly digest."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import discord
import pytest

from bot.features.review.showing.weekly import post_question_digests
from bot.storage.question_records import NewMeasurement
from tests.features.review.conftest import GOOD, ReviewPlace, description, field

OFFER = "BUY now, a unique offer with planted-text!"


@pytest.fixture(autouse=True)
def _offers(answering: Callable[..., None]) -> None:
    answering(lambda text: 0.9 if "BUY" in text else 0.1)


async def label_all(place: ReviewPlace, label: str = " yes") -> None:
    """Label every scored message, as an audit does."""
    question = await place.question()
    for score in await place.store.measurements.unflagged(question.id):
        await place.store.measurements.label(
            question.id, score.message_id, score.content_hash, label, user_id=place.moderator.id, weight=2.0
        )


async def file_of(result: Any, name: str) -> Any:
    (file,) = [file for file in result.response.attachments if file.filename == name]
    return json.loads(await file.read())


async def test_an_export_has_the_questions_with_examples_labels_and_measurements(place: ReviewPlace) -> None:
    await place.watch(notice=False)
    without = await place.moderator.slash(place.channel, "review export", channel=place.channel)
    assert [file.filename for file in without.response.attachments] == ["reviews.csv"]
    await place.define(examples="yes: Buy this watch!\nno: Hello.")
    await place.ask()
    await place.member.send(place.channel, OFFER)
    await label_all(place)
    await place.measure()
    exported = await place.moderator.slash(place.channel, "review export", channel=place.channel)
    (question,) = await file_of(exported, "questions.json")
    assert (question["name"], question["version"], question["rule"]["threshold"]) == ("spam", 1, 0.8)
    examples = question["versions"][0]["definition"]["examples"]
    assert examples == [["Buy this watch!", " yes"], ["Hello.", " no"]]
    (label,) = question["labels"]
    assert (label["label"], label["is_flagging"], label["weight"], label["source"]) == (" yes", True, 2.0, "audited")
    assert question["measurements"][0]["summary"]["precision"]["count"] == 41
    assert str(place.member.id) not in json.dumps(question)
    assert "planted-text" not in json.dumps(question)


async def test_a_member_gets_and_deletes_what_questions_say_about_them(place: ReviewPlace) -> None:
    await place.go_live_with()
    await place.member.send(place.channel, OFFER)
    await place.member.send(place.channel, GOOD)
    await label_all(place, " no")
    mine = await file_of(await place.member.slash(place.channel, "privacy export"), "nightword-export.json")
    assert [answer["question"] for answer in mine["question_scores"]] == ["spam", "spam"]
    assert [label["label"] for label in mine["labels"]] == [" no"]
    assert [case["question"] for case in mine["cases"]] == ["spam"]
    question = await place.question()
    stored = await place.store.measurements.of_question(question.id)
    message_ids = tuple(int(answer["message_id"]) for answer in mine["question_scores"])
    again = NewMeasurement(
        question.id, question.rule, stored[0].fingerprint, stored[0].model, stored[0].summary, 50, 12, message_ids
    )
    measurement = await place.store.measurements.record(again, place.moderator.id)
    assert measurement is not None
    await place.store.measurements.mark_reported(measurement.id)
    await place.store.measurements.confirm(measurement.id, place.moderator.id)
    await place.member.slash(place.channel, "privacy delete")
    assert place.cards == []
    gone = await file_of(await place.member.slash(place.channel, "privacy export"), "nightword-export.json")
    assert {name: rows for name, rows in gone.items() if rows} == {}
    status = description(await place.moderator.slash(place.channel, "review status"))
    assert "computed partly from data deleted since" in status
    await place.other.send(place.channel, OFFER)
    assert "computed partly from data deleted since" in field(place.cards[0], "Flags so far")


async def test_leaving_a_server_deletes_its_questions(place: ReviewPlace) -> None:
    await place.go_live_with()
    await place.reader._delete_guild(place.guild.id)
    assert await place.store.questions.in_guild(place.guild.id) == []
    assert await place.store.place_questions.live() == []


async def test_adding_a_question_tells_the_members_of_the_channel(place: ReviewPlace) -> None:
    await place.watch()
    await place.define()
    await place.ask(notice=True)
    notice = place.channel.history()[-1]
    assert "also answers the question “spam”" in notice.content
    await place.moderator.slash(place.channel, "review unwatch", channel=place.channel)
    assert place.channel.history() == [], "both notices are deleted with the place"


@pytest.mark.parametrize(("confirmed", "has_drifted"), [(30, False), (12, True)])
async def test_the_weekly_digest_has_trend_precision_and_drift(
    place: ReviewPlace, monkeypatch: pytest.MonkeyPatch, confirmed: int, has_drifted: bool
) -> None:
    await place.go_live_with()
    for number in range(30):
        await place.member.send(place.channel, f"{OFFER} {number}")
        case = await place.store.cases.by_number(place.guild.id, number + 1)
        assert case is not None
        await place.store.cases.decide(case.id, place.moderator.id, confirmed=number >= 30 - confirmed)
    question = await place.question()
    assert question.digest_at is not None
    later = question.digest_at + timedelta(days=7)
    monkeypatch.setattr(discord.utils, "utcnow", lambda: later)
    for _ in range(2):
        await post_question_digests(place.env.bot, place.store, place.reader.executor)
    [digest] = [message for message in place.log.history() if message.embeds[0].title == "The week of spam"]
    text = str(digest.embeds[0].description)
    assert f"{confirmed} of 30 decided cases were confirmed" in text
    assert "right in 41 of 50 (69–90 %)" in text
    assert ("below the measured interval" in text) == has_drifted
