"""`/contrast` as a member meets it."""

from typing import Any

import pytest

from bot.engine.model import EngineModel
from bot.questions.contrast import ContrastQuestion
from bot.rendering.tables import percentage
from tests.features.people import Place, embed_of

A, B = "The nurse said that", "The doctor said that"


async def ask(place: Place, a: str, b: str, **options: Any) -> Any:
    return await place.member.slash(place.channel, "contrast", a=a, b=b, **options)


async def test_the_answer_has_the_model_s_own_figures(place: Place, demo_model: EngineModel) -> None:
    result = await ask(place, A, B)
    own = demo_model.answer(ContrastQuestion(A, B))
    embed = embed_of(result.response)
    assert embed["title"] == "Contrast"
    assert embed["description"].startswith(f"**a**: {A} **▁**\n**b**: {B} **▁**\n```\nafter a after b")
    rows = embed["description"].split("```")[1].strip().split("\n")[1:]
    assert len(rows) == 8
    for row, mover in zip(rows, own.movers, strict=False):
        assert row.split()[:2] == [percentage(mover.probability_a), percentage(mover.probability_b)]
        assert row.split()[2][0] == ("×" if mover.probability_b > mover.probability_a else "÷")
        assert row.endswith(f" {mover.token.text.replace(' ', '·')}")
    for value, name in ((own.js_bits, "Jensen-Shannon"), (own.kl_a_b_bits, "KL(a‖b)"), (own.kl_b_a_bits, "KL(b‖a)")):
        assert f"\n**{value:.3f} bits** {name}: " in embed["description"]
    (picture,) = [file for file in result.response.attachments if file.filename == "picture.png"]
    assert f"Jensen-Shannon divergence {own.js_bits:.3f} bits" in picture.description
    assert percentage(own.movers[0].probability_b) in picture.description


@pytest.mark.parametrize("prompt", [A, "x", "🤷🏽‍♀️ ``` @everyone\u202e\n你好 <@1>"])
async def test_equal_prompts_claim_nothing(place: Place, prompt: str) -> None:
    embed = embed_of((await ask(place, prompt, prompt)).response)
    assert "\nNo token moved: both distributions are the same.\n**0 bits** Jensen-Shannon: " in embed["description"]
    assert "```\n" not in embed["description"]


async def test_long_prompts_and_lines_stay_short(place: Place) -> None:
    embed = embed_of((await ask(place, "\n\n" * 100 + A, "night " * 300)).response)
    first, second, *_ = embed["description"].split("\n")
    assert first.startswith("**a**: … ↵↵")
    assert first.endswith(f"{A} **▁**")
    assert second.startswith("**b**: … ")
    assert max(len(first), len(second)) < 140


@pytest.mark.parametrize(
    ("a", "b", "title", "which"),
    [(A, "the " * 600, "Too long", "second prompt (b)"), ("the " * 600, B, "Too long", "first prompt (a)")],
)
async def test_a_refusal_names_the_prompt(place: Place, a: str, b: str, title: str, which: str) -> None:
    (refusal,) = (await ask(place, a, b)).followups
    assert refusal.ephemeral
    assert embed_of(refusal)["title"] == title
    assert embed_of(refusal)["description"].startswith(f"The {which} has 601 tokens, but the limit is 512")


async def test_a_private_answer_is_only_for_the_asker(place: Place) -> None:
    assert (await ask(place, A, B, private=True)).response.ephemeral
    assert place.channel.history(viewer=place.other) == []
