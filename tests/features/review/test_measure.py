"""`/review measure`: a question on a place's labelled cases, and the confirmation that lets it alert."""

import dataclasses
import sys
from collections.abc import Callable
from typing import Any

import discord
import pytest
import simcord
from sklearn.metrics import brier_score_loss, precision_score, recall_score, roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from bot.answers.delivery import Delivery
from bot.decisions.gate import summary_of
from bot.decisions.sampling import case_weights
from bot.decisions.split import CaseKey, split_cases, text_key
from bot.engine.model import EngineModel
from bot.errors import UsageError
from bot.features.review.commands import measure as measure_command
from bot.questions.decision import DecisionQuestion
from bot.settings import Settings
from bot.storage.question_records import floats_of
from tests.features.review.conftest import ReviewPlace, description, restart
from tests.features.review.labelling import fields_of, label_all, offers, post, probability_of

COUNT = 60


@pytest.fixture(autouse=True)
def _model(answering: Callable[..., None]) -> None:
    answering(probability_of)


@pytest.fixture
async def posted(place: ReviewPlace) -> list[tuple[simcord.MemberActor, discord.Message]]:
    """Ask the question spam about 60 messages in shadow; return their authors and the messages."""
    await place.watch(notice=False)
    await place.define()
    await place.ask(threshold=0.6)
    return await post(place, list(offers(COUNT)))


@pytest.fixture
def texts(posted: object) -> dict[str, bool]:
    """Return the texts of the posted messages, and which are offers."""
    return offers(COUNT)


def held_out_of(place: ReviewPlace) -> list[str]:
    """Return the texts that the split holds out, computed from what Discord shows."""
    messages = list(place.channel.history())
    keys = [CaseKey(text_key(message.content), str(message.author.id)) for message in messages]
    return [messages[index].content for index in split_cases(keys).held_out]


def percent(value: float) -> str:
    return f"**{value:.0%}**"


async def measure(place: ReviewPlace, **options: Any) -> Any:
    return await place.moderator.slash(
        place.channel, "review measure", **{"channel": place.channel, "question": "spam"} | options
    )


async def flags(place: ReviewPlace) -> bool:
    before = len(place.cards)
    await place.member.send(place.channel, f"BUY now, number {before + 1000}, at 0.95.")
    return len(place.cards) > before


async def test_every_figure_is_what_scikit_learn_computes_on_the_held_out_cases(
    place: ReviewPlace, texts: dict[str, bool]
) -> None:
    await label_all(place, texts.__getitem__)
    result = await measure(place)
    assert result.response.ephemeral
    held_out = held_out_of(place)
    truths = [texts[text] for text in held_out]
    scores = [probability_of(text) for text in held_out]
    flagged = [score >= 0.6 for score in scores]
    figures = fields_of(result)["Figures"].splitlines()
    low, high = proportion_confint(
        sum(a and b for a, b in zip(truths, flagged, strict=True)), sum(flagged), method="wilson"
    )
    right = sum(a == b for a, b in zip(truths, flagged, strict=True))
    assert figures[0].startswith(f"Right: {percent(right / len(truths))}")
    assert figures[0].endswith(f"{right} of {len(truths)}")
    assert figures[1].startswith(f"Precision: {percent(precision_score(truths, flagged))}")
    assert f"({100 * low:.0f}–{100 * high:.0f} %)" in figures[1]
    assert figures[2].startswith(f"Recall: {percent(recall_score(truths, flagged))}")
    assert figures[3].startswith(f"Base rate: {percent(sum(truths) / len(truths))}")
    assert figures[4].startswith(f"AUC: **{roc_auc_score(truths, scores):.3f}**")
    assert figures[5].startswith(f"Brier score: **{brier_score_loss(truths, scores):.3f}**")
    assert figures[6].startswith("Label mass: median 50.00%, lowest 50.00%")
    assert figures[7].startswith(f"Flags a day: {sum(flagged) / len(flagged) * COUNT:.1f}")
    assert f"at least {low:.0%} (lower bound, 95 %)" in fields_of(result)["Better than chance?"]
    [stored] = await place.store.measurements.of_question((await place.question()).id)
    assert (stored.held_out, stored.flagging) == (len(truths), sum(truths))
    assert summary_of(stored).precision.value == pytest.approx(precision_score(truths, flagged))
    assert not summary_of(stored).is_weighted
    [picture] = result.response.attachments
    assert "Reliability diagram of P(yes)" in (picture.description or "")


async def test_a_confirmed_measurement_lets_the_question_alert_and_nothing_before_does(
    place: ReviewPlace, texts: dict[str, bool], demo_model: EngineModel, settings: Settings
) -> None:
    await label_all(place, texts.__getitem__)
    question = await place.question()
    await place.store.place_questions.set_live(question.id, True)
    assert not await flags(place)
    result = await measure(place)
    assert "in shadow until a moderator confirms" in fields_of(result)["Alerting"]
    assert not await flags(place), "it was measured, not confirmed"
    bot = await restart(place, demo_model, settings)
    confirmed = await place.moderator.click(result.response, label="Confirm")
    assert "It is live" in confirmed.followups[0].content
    assert await flags(place)
    assert (
        f"measured <t:{int((await place.store.measurements.of_question(question.id))[0].measured_at.timestamp())}"
        in (str(place.cards[0].embeds[0].to_dict()))
    )
    status = description(await place.moderator.slash(place.channel, "review status"))
    assert "**live**" in status
    await bot.close()


async def test_the_chosen_threshold_comes_from_the_development_part_and_confirming_puts_it_in_force(
    place: ReviewPlace, texts: dict[str, bool]
) -> None:
    await label_all(place, texts.__getitem__)
    kept = await measure(place)
    suggested = description(kept).rpartition("On the development part, ")[2].partition(" ")[0]
    result = await measure(place, threshold="choose")
    assert f"flagging P(yes) at least {float(suggested):g}" in description(result)
    assert (await place.question()).rule.threshold == 0.6, "nothing changes without a confirmation"
    refused = await place.moderator.slash(place.channel, "review live", channel=place.channel, question="spam")
    assert "a moderator has not confirmed the measurement" in description(refused)
    held_out = held_out_of(place)
    right = sum(texts[text] == (probability_of(text) >= float(suggested)) for text in held_out)
    assert fields_of(result)["Figures"].splitlines()[0].endswith(f"{right} of {len(held_out)}")
    await place.moderator.click(result.response, label="Confirm")
    assert (await place.question()).rule.threshold == pytest.approx(float(suggested), abs=1e-4)
    live = await place.moderator.slash(place.channel, "review live", channel=place.channel, question="spam")
    assert live.response.embeds[0].title == "Live"
    assert await flags(place)


async def test_two_questions_are_compared_on_the_same_held_out_cases(
    place: ReviewPlace, texts: dict[str, bool], answering: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.define("guess", question="Guess: {text}")
    await place.ask("guess", threshold=0.5)

    def offers_only(text: str) -> float:
        return 0.9 if "BUY" in text else 0.1

    await label_all(place, texts.__getitem__)
    answering_both(place, monkeypatch, offers_only)
    result = await measure(place, against="guess")
    held_out = held_out_of(place)
    first = [texts[text] == (probability_of(text) >= 0.6) for text in held_out]
    both, only_first = first.count(True), 0
    only_second = first.count(False)
    text = fields_of(result)["Against guess"]
    assert f"{both} times both are right, {only_first} times only spam, {only_second} times only guess" in text
    p_value = mcnemar([[both, only_first], [only_second, 0]], exact=True).pvalue
    assert f"p = {p_value:.4f}" in text
    same = await measure(place, against="spam")
    assert "They are right equally often" in fields_of(same)["Against spam"]
    await place.define("kinds", labels="advertising\nother")
    refused = await measure(place, against="kinds")
    assert "kinds has no label 'yes'" in description(refused)


def answering_both(place: ReviewPlace, monkeypatch: pytest.MonkeyPatch, guess: Callable[[str], float]) -> None:
    """Let the model answer the question "guess" with a function of its own."""
    executor = place.reader.executor
    submit = executor.submit_background

    def submit_background(owner_id: int, question: Any) -> Any:
        if isinstance(question, DecisionQuestion) and question.decision.question.startswith("Guess"):
            text = f"A film, at {guess(question.text):.2f}."
            question = DecisionQuestion(question.decision, text)
        return submit(owner_id, question)

    monkeypatch.setattr(executor, "submit_background", submit_background)


async def test_messages_that_are_gone_edited_or_by_people_who_opted_out_are_left_out_and_counted(
    place: ReviewPlace,
    posted: list[tuple[simcord.MemberActor, discord.Message]],
    texts: dict[str, bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await label_all(place, texts.__getitem__)
    question = await place.question()
    assert len(await place.store.measurements.labelled_cases(question.id, [" yes", " no"])) == COUNT
    (author, gone), (another, edited), (third, _) = posted[:3]
    with monkeypatch.context() as patched:  # the bot doesn't notice what happens to them
        patched.setattr(type(place.reader), "_delete_messages", ignore)
        patched.setattr(place.reader.intake, "take", ignore)
        await author.delete(gone)
        await another.edit(edited, "Something else.")
    # An opt-out deletes what is labelled at once; this one comes while the measurement runs.
    monkeypatch.setattr(place.store.privacy, "has_opted_out", opted(third.id))
    result = await measure(place)
    theirs = sum(writer.id == third.id for writer, _ in posted)
    expected = f"(left out: 1 gone, 1 edited since, {theirs} by members who opted out or are exempt)"
    assert f"{COUNT - 2 - theirs:,} of {COUNT} labelled cases {expected}" in description(result)
    assert await place.store.messages.content_hash(gone.id) is None, "what is gone is deleted here as well"


async def test_a_measurement_needs_labels_and_scipy(
    place: ReviewPlace, texts: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "has no labelled cases" in description(await measure(place))
    await label_all(place, texts.__getitem__)
    monkeypatch.setitem(sys.modules, "scipy", None)
    refused = await measure(place)
    assert refused.response.embeds[0].title == "Not installed"
    assert "which isn't installed" in description(refused)
    assert await place.store.measurements.of_question((await place.question()).id) == []


async def test_too_few_cases_are_reported_and_can_t_be_confirmed(place: ReviewPlace) -> None:
    await place.watch(notice=False)
    await place.define()
    await place.ask(threshold=0.6)
    every = offers(30)
    await post(place, list(every))
    await label_all(place, every.__getitem__)
    result = await measure(place)
    assert "of 30 held-out cases; label more" in fields_of(result)["Alerting"]
    assert result.response.components == []
    [stored] = await place.store.measurements.of_question((await place.question()).id)
    with pytest.raises(UsageError, match="can't be confirmed"):
        await place.reader.confirm_measurement(stored.id, place.moderator.id)
    status = description(await place.moderator.slash(place.channel, "review status"))
    assert "of 30 held-out cases" in status


async def test_a_report_of_an_earlier_question_or_model_can_t_be_confirmed(
    place: ReviewPlace,
    texts: dict[str, bool],
    demo_model: EngineModel,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await label_all(place, texts.__getitem__)
    result = await measure(place)
    form = await place.moderator.slash(place.channel, "review question change", name="spam")
    changed = {"question": "Message: {text}\nIs it spam?", "labels": "yes\nno", "examples": ""}
    await place.moderator.submit_modal(form, changed)
    refused = await place.moderator.click(result.response, label="Confirm")
    assert "changed after this was measured" in refused.followups[0].embeds[0].description
    again = await measure(place)
    info = dataclasses.replace(demo_model.info, dtype="bfloat16")
    with monkeypatch.context() as patched:
        patched.setattr(type(demo_model), "info", property(lambda _: info))
        bot = await restart(place, demo_model, settings)
        refused = await place.moderator.click(again.response, label="Confirm")
        assert "changed after this was measured" in refused.followups[0].embeds[0].description
        await place.store.place_questions.set_live((await place.question()).id, True)
        assert not await flags(place)
    await bot.close()


async def test_a_report_that_was_not_delivered_can_t_be_confirmed(
    place: ReviewPlace, texts: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    await label_all(place, texts.__getitem__)

    async def expired(*_: Any) -> Delivery:
        return Delivery.EXPIRED

    monkeypatch.setattr(measure_command, "deliver", expired)
    await measure(place, threshold="choose")
    [stored] = await place.store.measurements.of_question((await place.question()).id)
    with pytest.raises(UsageError, match="was not delivered"):
        await place.reader.confirm_measurement(stored.id, place.moderator.id)
    assert (await place.question()).rule.threshold == 0.6, "the rule stays as well"


@pytest.mark.parametrize("calibration", ["contextual", "batch"])
async def test_a_calibration_is_measured_with_its_prior_and_confirmed_with_it(
    place: ReviewPlace, texts: dict[str, bool], calibration: str
) -> None:
    await label_all(place, texts.__getitem__)
    result = await measure(place, calibration=calibration)
    assert f"{calibration} calibration" in description(result)
    await place.moderator.click(result.response, label="Confirm")
    rule = (await place.question()).rule
    assert rule.calibration == calibration
    if calibration == "batch":
        held_out = set(held_out_of(place))
        development = [probability_of(text) for text in texts if text not in held_out]
        mean = sum(development) / len(development)
        assert floats_of(rule.prior) == pytest.approx((mean, 1 - mean))


async def test_a_question_that_flags_downwards_is_measured_on_what_it_flags(
    place: ReviewPlace, texts: dict[str, bool]
) -> None:
    """P(no) is what P(yes) isn't: the same messages are flagged, and the same figures come out."""
    await place.define("harmless", labels="no\nyes")  # the model gives the first label its probability
    await place.ask("harmless", flag_label="no", direction="below", threshold=0.3)
    await label_all(place, texts.__getitem__)
    question = await place.question("harmless")
    for case in await place.store.measurements.labelled_cases((await place.question()).id, [" yes", " no"]):
        content_hash = case.content_hash
        await place.store.measurements.label(
            question.id, case.message_id, content_hash, case.label or "", user_id=place.moderator.id
        )
    result = await measure(place, question="harmless")
    held_out = held_out_of(place)
    truths = [texts[text] for text in held_out]
    flagged = [probability_of(text) <= 0.3 for text in held_out]
    figures = fields_of(result)["Figures"].splitlines()
    assert figures[1].startswith(f"Precision: {percent(precision_score(truths, flagged))}")
    assert figures[2].startswith(f"Recall: {percent(recall_score(truths, flagged))}")
    auc = roc_auc_score(truths, [1 - probability_of(text) for text in held_out])
    assert figures[4].startswith(f"AUC: **{auc:.3f}**")
    assert "P(no) at most 0.3" in description(result)


async def test_unequal_draws_are_weighted_and_the_report_says_so(place: ReviewPlace, texts: dict[str, bool]) -> None:
    await label_all(place, texts.__getitem__, weights=(0.2, 2.0))
    result = await measure(place)
    assert "shares are weighted and intervals approximate" in str(result.response.embeds[0].footer.text)
    question = await place.question()
    cases = await place.store.measurements.labelled_cases(question.id, [" yes", " no"])
    weights = dict(
        zip((case.message_id for case in cases), case_weights(cases, flagged=0, unflagged=COUNT), strict=True)
    )
    held_out = set(held_out_of(place))
    messages = [message for message in place.channel.history() if message.content in held_out]
    sample_weight = [weights[message.id] for message in messages]
    truths = [texts[message.content] for message in messages]
    flagged = [probability_of(message.content) >= 0.6 for message in messages]
    precision = precision_score(truths, flagged, sample_weight=sample_weight)
    assert fields_of(result)["Figures"].splitlines()[1].startswith(f"Precision: {percent(precision)}")


async def test_a_model_that_doesn_t_answer_has_no_precision(
    place: ReviewPlace, texts: dict[str, bool], answering: Callable[..., None]
) -> None:
    await label_all(place, texts.__getitem__)
    answering(probability_of, label_mass=0.005)
    fields = fields_of(await measure(place))
    held_out = len(held_out_of(place))
    assert f"{held_out} without a verdict (below 1% or failed) are not right and not flagged" in fields["Figures"]
    assert "Precision: – (0 of 0)" in fields["Figures"]
    assert "Nothing would have been flagged" in fields["Better than chance?"]


async def ignore(*_: Any, **__: Any) -> None:
    """Do nothing."""


def opted(user_id: int) -> Callable[[int], Any]:
    async def has_opted_out(asked: int) -> bool:
        return asked == user_id

    return has_opted_out
