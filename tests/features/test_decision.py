"""`/decide`: suggestions, the form, the buttons below an answer, and a question with the model of one's choice."""

import tomllib
from typing import Any

import pytest

from bot.decisions.presets import load_preset, preset, preset_names
from bot.questions.decision import DecisionQuestion
from bot.questions.sentiment import SENTIMENT
from tests.features.messages import state_of
from tests.features.people import Place, embed_of

REVIEW = "I laughed all the way home."


async def suggestions(place: Place, typed: str) -> list[dict[str, Any]]:
    choices: list[dict[str, Any]] = await place.member.autocomplete(place.channel, "decide", "question", typed)
    return choices


def field(message: Any, name: str) -> str:
    (value,) = [entry["value"] for entry in embed_of(message)["fields"] if entry["name"].startswith(name)]
    return str(value)


async def test_ready_made_questions_are_suggested(place: Place) -> None:
    assert [choice["value"] for choice in await suggestions(place, "")] == list(preset_names())
    assert [choice["value"] for choice in await suggestions(place, "Spoil")] == ["spoiler"]
    assert await suggestions(place, "Is this message kind?") == []
    assert all(len(choice["name"]) <= 100 for choice in await suggestions(place, ""))


async def test_a_question_of_one_s_own_has_the_labels_as_they_were_meant(place: Place) -> None:
    options = {"question": "{text} It was a", "labels": ' day | "night" ', "text": REVIEW}
    answer = (await place.member.slash(place.channel, "decide", **options)).response
    receipt = await state_of(answer)
    assert receipt["options"]["type"] == "template"
    assert receipt["options"]["labels"] == [" day", "night"]
    assert "·day" in field(answer, "Labels")
    assert "night" in field(answer, "Labels")


async def test_the_notebook_s_question_has_the_numbers_of_sentiment(place: Place) -> None:
    asked = (await place.member.slash(place.channel, "decide", question="sentiment", text=REVIEW)).response
    same = (await place.member.slash(place.channel, "sentiment", review=REVIEW)).response
    decided, judged = [await state_of(message) for message in (asked, same)]
    assert decided["outputs"] == judged["outputs"]
    assert decided["input_ids"] == judged["input_ids"]
    assert decided["figures"][-1] == pytest.approx(judged["figures"][-1], abs=1e-5)
    assert embed_of(asked)["title"] == embed_of(same)["title"].lower()


async def test_the_buttons_work_for_everybody_and_the_whole_question_can_be_kept(place: Place, tmp_path: Any) -> None:
    answer = (await place.member.slash(place.channel, "decide", question="spam", text=REVIEW)).response
    explained = (await place.other.click(answer, label="Explain")).response
    assert explained.ephemeral
    assert "laughed" in field(explained, "Effect of each word")
    shown = (await place.other.click(answer, label="Question")).response
    assert shown.ephemeral
    (file,) = shown.attachments
    written = tmp_path / file.filename
    written.write_bytes(await file.read())
    assert load_preset(str(written)).decision == preset("spam").decision
    examples = shown.embeds[0].fields[-1].value
    for example in tomllib.loads(written.read_text(encoding="utf-8"))["examples"]:
        assert example["text"][:40] in examples.replace("\\", "")


async def test_the_form_asks_the_question_about_its_text(place: Place) -> None:
    form = await place.member.slash(place.channel, "decide", question="sentiment", private=True)
    answer = (await place.member.submit_modal(form, {"text": f"{REVIEW}\nReally."})).response
    assert answer.ephemeral
    receipt = await state_of(answer)
    assert DecisionQuestion.of(receipt["options"]) == DecisionQuestion(SENTIMENT, f"{REVIEW}\nReally.")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"question": "ham {text}"}, "must have 2 to 10"),
        ({"question": "{text} {text}", "labels": "a|b"}, "2 times"),
        ({"question": "What?", "labels": "a|a"}, "'a' occurs twice"),
        ({"question": "What?", "labels": "only one"}, "must have 2 to 10"),
        ({"question": "What?", "labels": "|".join("abcdefghijk")}, "has 11 labels"),
        ({"question": "What?", "type": "noul", "labels": "a|b"}, "has the labels Yes and No"),
        ({"question": "What?", "type": "template", "labels": "a|b"}, "0 times"),
        ({"question": "   "}, "The question is empty"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_cannot_be_asked_is_refused_with_the_reason(
    place: Place, options: dict[str, Any], problem: str
) -> None:
    refused = await place.member.slash(place.channel, "decide", text="Once.", **options)
    message = refused.response or refused.followups[0]
    assert message.ephemeral
    assert problem in embed_of(message)["description"]
