"""The button *Explain* below a verdict, as members meet it."""

from typing import Any

import pytest

from bot.app.client import Nightword
from bot.engine.model import EngineModel
from bot.questions.sentiment import EvidenceQuestion
from bot.rendering.tables import percentage
from bot.settings import Settings
from tests.conftest import make_executor
from tests.features.messages import remove_state
from tests.features.people import Place, embed_of

REVIEW = "A slow beginning, but I laughed all the way home. Wonderful!"


@pytest.mark.parametrize("review", [REVIEW, "Terrible, boring mess.\nI fell **asleep**.", "word " * 150])
async def test_it_shows_the_model_s_own_figures_also_after_a_restart(
    place: Place, demo_model: EngineModel, settings: Settings, review: str
) -> None:
    verdict = await place.member.slash(place.channel, "sentiment", review=review)
    bot = Nightword(settings, make_executor(lambda: demo_model, settings))
    await place.env.restart_bot(bot)
    bot.executor.wait_until_loaded()
    shown = (await place.other.click(verdict.response, label="Explain")).response
    assert shown.ephemeral
    assert len(place.channel.history(viewer=place.member)) == 1
    own = demo_model.answer(EvidenceQuestion(review))
    embed = embed_of(shown)
    assert embed["title"] == f"Why {own.sentiment.label}"
    words, calibrated, *mass = embed["fields"]
    assert words["name"] == f"Effect of each word on the margin of {own.margin:+.2f}"
    strongest = sorted(own.words, key=lambda word: -abs(word.effect))[:8]
    rows = words["value"].split("\n")[2 : 2 + len(strongest)]
    assert [row.split()[0] for row in rows] == [f"{word.effect:+.2f}" for word in strongest]
    assert ("adjacent words are left out at a time" in words["value"]) == (own.words_together > 1)
    assert f"**{own.sentiment.label}**, {percentage(own.sentiment.positive_probability)}" in calibrated["value"]
    assert f"**{own.calibration.label}**, {percentage(own.calibration.positive_probability)}" in calibrated["value"]
    assert percentage(own.calibration.content_free_positive) in calibrated["value"]
    is_low = own.sentiment.label_mass < 0.5
    assert [field["name"] for field in mass] == (["⚠ Label mass is low"] if is_low else [])
    await bot.close()


async def test_every_verdict_has_the_button(place: Place) -> None:
    message = await place.other.send(place.channel, REVIEW)
    verdicts: list[Any] = [
        await place.member.context_menu(place.channel, "Score sentiment", message),
        await place.member.slash(place.channel, "sentiment", review=REVIEW, private=True),
        await place.member.submit_modal(await place.member.slash(place.channel, "sentiment"), {"review": REVIEW}),
    ]
    shown = [(await place.member.click(verdict.response, label="Explain")).response for verdict in verdicts]
    assert [answer.ephemeral for answer in shown] == [True, True, True]
    assert len({str(embed_of(answer)) for answer in shown}) == 1


async def test_missing_data_is_named(place: Place) -> None:
    verdict = (await place.member.slash(place.channel, "sentiment", review=REVIEW)).response
    remove_state(place.env, verdict)
    (verdict,) = place.channel.history(viewer=place.member)
    refused = (await place.member.click(verdict, label="Explain")).response
    assert refused.ephemeral
    assert embed_of(refused)["title"] == "Expired"
