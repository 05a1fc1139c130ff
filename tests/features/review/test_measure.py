"""`/review measure`: a question on a place's labelled cases, and the confirmation that lets it alert."""

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.metrics import brier_score_loss, precision_score, recall_score, roc_auc_score
from statsmodels.stats.proportion import proportion_confint

from bot.decisions.gate import summary_of
from bot.decisions.split import CaseKey, split_cases, text_key
from bot.engine.model import EngineModel
from bot.settings import Settings
from tests.features.review.conftest import ReviewPlace, description, restart
from tests.features.review.labelling import fields_of, label_all, offers, post, probability_of

COUNT = 60


@pytest.fixture(autouse=True)
def _model(answering: Callable[..., None]) -> None:
    answering(probability_of)


@pytest.fixture
async def texts(place: ReviewPlace) -> dict[str, bool]:
    """Ask the question spam about 60 messages in shadow; return them and which are offers."""
    await place.watch(notice=False)
    await place.define()
    await place.ask(threshold=0.6)
    every = offers(COUNT)
    await post(place, list(every))
    return every


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
