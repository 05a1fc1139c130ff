"""Questions of a server: moderators define them, a place asks them, and their cases name them."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from bot.decisions.calibration import Calibration
from bot.decisions.gate import calibration_of, decision_of
from bot.engine.model import EngineModel
from bot.errors import ModelUnavailable, SentimentUnsupported
from bot.questions.decision import ContentFreeQuestion, DecisionQuestion
from bot.questions.sentiment import SentimentQuestion
from bot.settings import Settings
from tests.features.review.conftest import BAD, GOOD, ReviewPlace, description, field, restart

OFFER = "BUY now, a unique offer!"


def offers(text: str) -> float:
    return 0.9 if "BUY" in text else 0.1


async def test_a_question_is_defined_in_a_form_and_shown_to_everybody(place: ReviewPlace) -> None:
    defined = await place.define(examples="yes: Buy this watch!\nno: See you\\: at eight.")
    assert defined.response.embeds[0].title == "Question defined"
    shown = await place.member.slash(place.channel, "question", name="spam")
    embed = shown.response.embeds[0]
    assert shown.response.ephemeral
    assert embed.title == "Question spam"
    fields = {each.name: each.value for each in embed.fields}
    assert fields["Question"] == "> Message: {text}\n> Spam:"
    assert "yes: Buy this watch!" in fields["Examples (2)"]
    listed = await place.moderator.slash(place.channel, "review question list")
    assert "**spam** v1" in description(listed)
    refused = await place.member.slash(place.channel, "question", name="other")
    assert "no question with that name" in description(refused)


async def test_a_change_is_a_new_version_and_the_earlier_one_stays(place: ReviewPlace) -> None:
    await place.define()
    form = await place.moderator.slash(place.channel, "review question change", name="spam")
    await place.moderator.submit_modal(form, {"question": "Is it spam?", "labels": "spam\nham", "examples": ""})
    newest = await place.member.slash(place.channel, "question", name="spam")
    assert "Version 2 of 2 · options" in description(newest)
    earlier = await place.moderator.slash(place.channel, "review question show", name="spam", version=1)
    assert "Version 1 of 2 · template" in description(earlier)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"question": "Message: {text} {text}"}, "exactly once"),
        ({"labels": "yes"}, "must have 2 to 10"),
        ({"examples": "maybe: Buy!"}, "An example has the label"),
        ({"examples": "Buy!"}, "has no label"),
    ],
)
async def test_a_form_that_is_wrong_says_what_to_change(
    place: ReviewPlace, fields: dict[str, str], problem: str
) -> None:
    assert problem in description(await place.define(**fields))
    assert await place.store.questions.in_guild(place.guild.id) == []


async def test_a_place_s_question_is_in_shadow_and_scores_every_message(
    place: ReviewPlace, answering: Callable[..., None]
) -> None:
    answering(offers)
    await place.watch(notice=False)
    await place.define()
    answer = await place.ask()
    assert "It is in **shadow**" in description(answer)
    assert "It can't alert yet: it was never measured" in description(answer)
    await place.member.send(place.channel, OFFER)
    await place.member.send(place.channel, GOOD)
    question = await place.question()
    assert (await place.store.place_questions.counts(question.id)).scored == 2
    assert place.cards == []
    refused = await place.moderator.slash(place.channel, "review live", channel=place.channel, question="spam")
    assert "spam can't alert in" in description(refused)
    status = description(await place.moderator.slash(place.channel, "review status"))
    assert "**spam** v1 · **shadow** · P(yes) at least 0.8" in status
    assert "2 scored · 0 flagged" in status
    assert "can't alert yet: it was never measured" in status


async def test_a_live_question_opens_cases_that_name_it(place: ReviewPlace, answering: Callable[..., None]) -> None:
    answering(offers)
    await place.go_live_with()
    message = await place.member.send(place.channel, OFFER)
    await place.member.send(place.channel, GOOD)
    [card] = place.cards
    assert card.embeds[0].title == "Case 1 · spam · flagged"
    assert field(card, "Question") == "spam, version 1"
    assert field(card, "P(yes)") == "90.00%"
    assert field(card, "Flagged from") == "0.8"
    assert field(card, "Label mass") == "50.00%"
    assert field(card, "Flags so far").startswith("right in 41 of 50 (69–90 %), measured <t:")
    await place.member.edit(message, "Sorry, wrong channel.")
    assert place.cards[0].embeds[0].title == "Case 1 · spam · flagged · withdrawn"
    assert "10.00%, no longer flagged" in field(place.cards[0], "History")
    await place.member.edit(message, OFFER)
    assert place.cards[0].embeds[0].title == "Case 1 · spam · flagged"
    await place.moderator.click(place.cards[0], label="Confirm")
    status = description(await place.moderator.slash(place.channel, "review status"))
    assert "1 flagged · 1 of 1 decided were confirmed · 0 open · right in 41 of 50" in status
    assert "**live**" in status
    await place.member.delete(message)
    assert place.cards == []


async def test_one_message_can_have_a_case_for_each_question(
    place: ReviewPlace, answering: Callable[..., None]
) -> None:
    answering(offers)
    await place.start_flagging()
    await place.go_live_with()
    await place.go_live_with("offers", direction="below", threshold=0.95)
    await place.member.send(place.channel, f"{BAD} BUY")
    titles = sorted(str(card.embeds[0].title) for card in place.cards)
    assert titles == ["Case 1 · flagged", "Case 2 · spam · flagged", "Case 3 · offers · flagged"]
    notebook = next(card for card in place.cards if card.embeds[0].title == "Case 1 · flagged")
    assert field(notebook, "Flags so far") == "not measured on this server"


async def test_a_low_label_mass_is_no_verdict_and_flags_nothing(
    place: ReviewPlace, answering: Callable[..., None]
) -> None:
    await place.go_live_with()
    answering(offers, label_mass=0.005)
    await place.member.send(place.channel, OFFER)
    assert (await place.store.place_questions.counts((await place.question()).id)).scored == 1
    assert place.cards == []


async def test_a_question_that_fails_leaves_the_others_their_answers(
    place: ReviewPlace, answering: Callable[..., None]
) -> None:
    await place.start_flagging()
    await place.go_live_with()
    await place.define("chatty", question="Is it spam?", labels="")
    await place.ask("chatty", flag_label="Yes")
    message = await place.member.send(place.channel, BAD)
    answered = {
        question.name: await place.store.place_questions.counts(question.id)
        for question in await place.store.place_questions.in_place(place.channel.id)
    }
    assert (answered["spam"].scored, answered["spam"].failed) == (1, 0)
    assert (answered["chatty"].scored, answered["chatty"].failed) == (0, 1), "the demo model has no chat template"
    assert [scored.message_id for scored in await place.store.scores.latest(place.channel.id)] == [message.id]
    assert await place.store.messages.pending(10) == []
    status = description(await place.moderator.slash(place.channel, "review status"))
    assert "0 scored, 1 could not be" in status


async def test_a_model_without_the_notebook_s_labels_answers_the_other_questions(
    place: ReviewPlace, answering: Callable[..., None], demo_model: EngineModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(offers)
    await place.go_live_with()
    answer_all = demo_model.answer

    def answer(question: Any, watcher: Any = None) -> Any:
        if isinstance(question, SentimentQuestion):
            raise SentimentUnsupported("demo", " positive", [" pos", "itive"])
        return answer_all(question, watcher)

    monkeypatch.setattr(demo_model, "answer", answer)
    for number in range(40):  # more than one batch, whose messages all fail for the notebook's question
        await place.member.send(place.channel, f"{OFFER} {number}")
    await place.env.advance_time(90)
    question = await place.question()
    assert (await place.store.place_questions.counts(question.id)).scored == 40
    assert (await place.store.place_questions.case_counts(question.id))[0] == 40


async def test_an_outage_during_one_question_loses_nothing(
    place: ReviewPlace, answering: Callable[..., None], demo_model: EngineModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(offers)
    await place.go_live_with()
    await place.define("offers")
    await place.ask("offers")
    answer_all, asked = demo_model.answer, Counter[str]()

    def answer(question: Any, watcher: Any = None) -> Any:
        asked[type(question).__name__] += 1
        if isinstance(question, DecisionQuestion) and asked["DecisionQuestion"] == 2:
            raise ModelUnavailable("demo", "the server is away")
        return answer_all(question, watcher)

    monkeypatch.setattr(demo_model, "answer", answer)
    message = await place.member.send(place.channel, OFFER)
    await place.env.advance_time(60)
    assert asked["DecisionQuestion"] == 3, "the question that was answered is not asked again"
    for question in await place.store.place_questions.in_place(place.channel.id):
        assert (await place.store.place_questions.counts(question.id)).scored == 1
    assert [scored.message_id for scored in await place.store.scores.latest(place.channel.id)] == [message.id]
    assert len(place.cards) == 1


async def test_buttons_of_a_question_s_card_work_after_a_restart(
    place: ReviewPlace, answering: Callable[..., None], demo_model: EngineModel, settings: Settings
) -> None:
    answering(offers)
    await place.go_live_with()
    await place.member.send(place.channel, OFFER)
    bot = await restart(place, demo_model, settings)
    await place.moderator.click(place.cards[0], label="Dismiss")
    assert place.cards[0].embeds[0].title == "Case 1 · spam · flagged · dismissed"
    await place.member.send(place.channel, OFFER)
    assert len(place.cards) == 2
    await bot.close()


async def test_a_place_stops_asking_and_a_question_is_deleted(
    place: ReviewPlace, answering: Callable[..., None]
) -> None:
    answering(offers)
    await place.go_live_with()
    await place.member.send(place.channel, OFFER)
    removed = await place.moderator.slash(place.channel, "review unwatch", channel=place.channel, question="spam")
    assert "**spam** is no longer asked about messages" in description(removed)
    assert await place.store.places.get(place.channel.id) is not None
    await place.member.send(place.channel, OFFER)
    assert len(place.cards) == 1
    await place.moderator.click(place.cards[0], label="Confirm")
    assert place.cards[0].embeds[0].title == "Case 1 · spam · flagged · confirmed"
    await place.moderator.slash(place.channel, "review question delete", name="spam")
    assert await place.store.questions.in_guild(place.guild.id) == []
    status = await place.moderator.slash(place.channel, "review status")
    assert "deleted question spam" in field(status.response, "Latest changes")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"log_channel": None}, "needs a log"),
        ({"flag_label": None}, "label: yes, no"),
        ({"flag_label": "maybe"}, "has no label 'maybe'"),
        ({"flag_below": 0.5}, "belong to the channel itself"),
        ({"question": None}, "Give question, too"),
        ({"question": "other"}, "no question with that name"),
    ],
)
async def test_options_that_contradict_each_other_are_refused(
    place: ReviewPlace, options: dict[str, Any], problem: str
) -> None:
    await place.watch(notice=False)
    await place.define()
    given: dict[str, Any] = {"question": "spam", "flag_label": "yes", "threshold": 0.8, "log_channel": place.log}
    answer = await place.watch(**{name: value for name, value in (given | options).items() if value is not None})
    assert problem in description(answer)
    assert await place.store.place_questions.in_place(place.channel.id) == []


async def test_a_question_is_calibrated_with_texts_without_content(place: ReviewPlace, demo_model: EngineModel) -> None:
    await place.watch(notice=False)
    await place.define()
    answer = await place.ask(calibration="contextual")
    assert "P(yes) at least 0.8, contextual calibration" in description(answer)
    question = await place.question()
    prior = demo_model.answer(ContentFreeQuestion(decision_of(question.definition)))
    assert calibration_of(question.rule) == Calibration("contextual", prior)
    await place.ask(threshold=0.7)
    assert (await place.question()).rule.calibration == "contextual", "the other options stay"
    await place.ask(calibration="none")
    assert calibration_of((await place.question()).rule) == Calibration()
