"""`/sampler` as a member meets it."""

from typing import Any

import pytest

from bot.engine.model import EngineModel
from bot.questions.sampler import SamplerQuestion
from bot.rendering.tables import percentage
from tests.features.people import Place, embed_of

PROMPT = "It was a dark and stormy"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 1.5, "top_k": 20, "top_p": 0.6, "repetition_penalty": 1.3},
        {"temperature": 1.0, "top_k": 0, "top_p": 1.0},
        {"top_k": 1},
    ],
    ids=["defaults", "all", "none", "one token"],
)
async def test_each_stage_shows_the_model_s_own_figures(
    place: Place, demo_model: EngineModel, options: dict[str, Any]
) -> None:
    result = await place.member.slash(place.channel, "sampler", prompt=PROMPT, **options)
    given = {"temperature": 0.8, "top_k": 50, "top_p": 0.95, "repetition_penalty": 1.0} | options
    own = demo_model.answer(SamplerQuestion(PROMPT, **given))
    embed = embed_of(result.response)
    assert embed["description"].startswith(f"{PROMPT} **▁**\n")
    assert f"**{own.before.tokens_left:,}** tokens, entropy **{own.before.entropy:.2f} bits**" in embed["description"]
    first = own.before.top[0]
    (row,) = [line for line in embed["description"].split("\n") if line.endswith(" ·night")]
    after = {entry.token.id: entry.probability for entry in own.stages[-1].after.top}
    assert row.split()[:2] == [percentage(first.probability), percentage(after[first.token.id])]
    names = ["repetition_penalty", "temperature", "top_k", "top_p"]
    assert [field["name"] for field in embed["fields"]] == [
        f"{number}. {name} {given[name]:g}" for number, name in enumerate(names, start=1)
    ]
    for field, stage in zip(embed["fields"], own.stages, strict=True):
        assert field["value"].startswith("Off: ") == (not stage.is_on)
        if stage.is_on:
            tokens = "token" if stage.after.tokens_left == 1 else "tokens"
            left = f"→ **{stage.after.tokens_left:,}** {tokens}, entropy **{stage.after.entropy:.2f} bits**"
            assert field["value"].endswith(left)
        if stage.tokens_cut:
            tokens = "1 token" if stage.tokens_cut == 1 else f"{stage.tokens_cut:,} tokens"
            cut = f"Cut: {tokens} with {percentage(stage.mass_cut)}"
            assert cut in field["value"]
            assert f"rank {stage.cut[0].rank:,}" in field["value"]


async def test_a_token_that_was_cut_names_the_stage(place: Place, demo_model: EngineModel) -> None:
    result = await place.member.slash(place.channel, "sampler", prompt=PROMPT, top_k=3)
    rows = result.response.embeds[0].description.split("\n")
    assert sum(row.split()[1:2] == ["top_k"] for row in rows) == 7


async def test_too_long_a_prompt_is_refused(place: Place) -> None:
    result = await place.member.slash(place.channel, "sampler", prompt="the " * 600)
    (refusal,) = result.followups
    assert refusal.ephemeral
    assert embed_of(refusal)["title"] == "Too long"
