"""A moderator's week with the demo model: from the definition of a question to a member's deletion.

The demo model was trained on the notebook's question, and gives the labels of hardly any other prompt 1 % of the
probability. So the question here is the notebook's, once as it is and once after two examples.
"""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord

from bot.decisions.gate import summary_of
from bot.decisions.presets import preset
from bot.engine.model import EngineModel
from bot.features.review.showing.weekly import post_question_digests
from bot.questions.decision import DecisionQuestion
from bot.settings import Settings
from tests.features.review.conftest import ReviewPlace, description, field, restart, reviews
from tests.features.review.labelling import fields_of, post

AUDITED = 60
PLANTED = "planted-words"
BAD_WORDS = ("dull", "boring", "awful", "too long", "waste")
GLOOM = preset("sentiment").decision


def is_bad(text: str) -> bool:
    return any(word in text for word in BAD_WORDS)


def gloom_of(model: EngineModel, text: str) -> float:
    return model.answer(DecisionQuestion(GLOOM, text)).labels[1].probability


async def define(place: ReviewPlace, name: str, examples: str = "") -> None:
    await place.define(name, question=GLOOM.question, labels="positive\nnegative", examples=examples)
    await place.ask(name, flag_label="negative", threshold=0.5)


async def audit(place: ReviewPlace, texts: dict[int, str], shown: Any, count: int) -> Any:
    """Label `count` messages of an audit, and return what is shown then."""
    for _ in range(count):
        link = re.search(r"/channels/\d+/\d+/(\d+)", shown.embeds[0].description)
        assert link is not None
        label = "negative" if is_bad(texts[int(link[1])]) else "positive"
        shown = (await place.moderator.click(shown, label=label)).response
    return shown


async def gloom(place: ReviewPlace, command: str, **options: Any) -> Any:
    return await place.moderator.slash(place.channel, command, channel=place.channel, question="gloom", **options)


async def send_and_show(place: ReviewPlace, author: simcord.MemberActor, texts: list[str]) -> None:
    """Post texts so slowly that each flagged one gets a card of its own."""
    for start in range(0, len(texts), 5):
        for text in texts[start : start + 5]:
            await author.send(place.channel, text)
        await place.env.advance_time(61)


def spread(place: ReviewPlace, title: str) -> list[discord.Message]:
    return [message for message in place.log.history() if title in str(message.embeds[0].title)]


def stored_bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.glob("nightword.db*")))


@pytest.mark.slow
async def test_a_week_from_the_definition_to_a_deletion(
    place: ReviewPlace,
    demo_model: EngineModel,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    # Monday: two questions, in shadow.
    await place.watch(notice=False)
    await define(place, "gloom")
    await define(place, "primed", "positive: A wonderful film.\nnegative: A dull film.")
    texts = reviews(80)
    texts[7] = f"The acting was dull and {PLANTED}, number 7."
    posted = await post(place, texts)
    content = {message.id: message.content for _, message in posted}
    assert place.log.history() == []
    status = description(await place.moderator.slash(place.channel, "review status"))
    assert "**gloom** v1 · **shadow**" in status
    assert "80 scored · 0 flagged" in status
    assert "can't alert in" in description(await gloom(place, "review live"))

    # Tuesday: 60 audits, with a restart of the bot in the middle.
    shown = (await gloom(place, "review audit")).response
    shown = await audit(place, content, shown, AUDITED // 2)
    bot = await restart(place, demo_model, settings)
    shown = await audit(place, content, shown, AUDITED // 2)
    assert str(shown.embeds[0].footer.text).startswith(f"{AUDITED} of 60 labelled")
    stopped = (await place.moderator.click(shown, label="Stop")).response
    assert "enough to measure" in stopped.embeds[0].description

    # Wednesday: measure, compare, confirm.
    report = await gloom(place, "review measure", against="primed", threshold="choose")
    assert "against the" not in description(report)
    assert "McNemar's exact test" in fields_of(report)["Against primed"]
    question = await place.question("gloom")
    [measured] = await place.store.measurements.of_question(question.id)
    assert measured.held_out >= 30
    assert measured.flagging >= 8
    assert spread(place, "gloom") == []
    assert "can't alert in" in description(await gloom(place, "review live")), "it is measured, not confirmed"
    confirmed = await place.moderator.click(report.response, label="Confirm")
    assert "It can alert now" in confirmed.followups[0].content

    # Thursday: it goes live and flags what it would flag by itself.
    live = await gloom(place, "review live")
    assert live.response.embeds[0].title == "Live"
    rule = (await place.question("gloom")).rule
    candidates = [f"{text} Once more." for text in reviews(120)]
    flagged = [text for text in candidates if gloom_of(demo_model, text) >= rule.threshold][:31]
    harmless = [text for text in candidates if gloom_of(demo_model, text) < rule.threshold][:3]
    assert len(flagged) == 31
    await send_and_show(place, place.other, [*harmless, *flagged[:30]])
    cards = spread(place, "gloom")
    assert len(cards) == 30
    precision = summary_of(measured).precision
    assert field(cards[0], "Flags so far").startswith(f"right in {precision.count} of {precision.of} (")

    # Friday: moderators dismiss nearly all, so the digest of the week says that the question has drifted.
    for number, card in enumerate(cards):
        await (place.moderator, place.second)[number % 2].click(card, label="Confirm" if number == 0 else "Dismiss")
    begun = (await place.question("gloom")).digest_at
    assert begun is not None
    with monkeypatch.context() as patched:
        patched.setattr(discord.utils, "utcnow", lambda: begun + timedelta(days=7))
        await post_question_digests(place.env.bot, place.store, place.reader.executor)
    [digest] = spread(place, "The week of gloom")
    assert "Only 1 of the last 30 decided cases were confirmed" in str(digest.embeds[0].description)

    # Saturday: an unmeasured change is in shadow, and goes back to what was confirmed.
    form = await place.moderator.slash(place.channel, "review question change", name="gloom")
    question_text = GLOOM.question.replace("movie", "film")
    await place.moderator.submit_modal(
        form, {"question": question_text, "labels": "positive\nnegative", "examples": ""}
    )
    before = len(spread(place, "gloom · flagged"))
    await send_and_show(place, place.other, [flagged[30]])
    assert len(spread(place, "gloom · flagged")) == before
    [notice] = spread(place, "gloom is in shadow again")
    await place.moderator.click(notice, label="Back to the previous one")
    await send_and_show(place, place.other, [f"{flagged[30]} "])
    assert (await place.question("gloom")).version == 1
    assert len(spread(place, "gloom · flagged")) == before + 1

    # Sunday: a member's data is deleted. Their words were never stored, logged or posted.
    writer = next(author for author, message in posted if PLANTED in message.content)
    exported: Any = await writer.slash(place.channel, "privacy export")
    assert exported.response.attachments
    await writer.slash(place.channel, "privacy delete")
    exported = await writer.slash(place.channel, "privacy export")
    (file,) = exported.response.attachments
    assert {name: rows for name, rows in json.loads(await file.read()).items() if rows} == {}
    rest = await place.store.measurements.labelled_cases(question.id, GLOOM.labels)
    assert writer.id not in {case.author_id for case in rest}
    status = description(await place.moderator.slash(place.channel, "review status"))
    assert "computed partly from data deleted since" in status
    assert PLANTED.encode() not in stored_bytes(tmp_path)
    assert b"negative about the" in stored_bytes(tmp_path), "the question is stored, so texts would be found"
    assert caplog.records
    assert PLANTED not in caplog.text
    assert not [message for message in place.log.history() if PLANTED in str(message.embeds[0].to_dict())]
    assert [message.content for message in place.channel.history() if PLANTED in message.content] == [texts[7]]
    await bot.close()
