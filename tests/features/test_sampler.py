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
        {"min_p": 0.1, "top_h": 0.5, "top_k": 0, "top_p": 1.0},
        {"temperature": 0.6, "top_k": 40, "top_p": 0.9, "repetition_penalty": 1.3, "min_p": 0.02, "top_h": 0.9},
    ],
    ids=["defaults", "classic", "none", "one token", "min_p and top_h", "every"],
)
async def test_each_stage_shows_the_model_s_own_figures(
    place: Place, demo_model: EngineModel, options: dict[str, Any]
) -> None:
    result = await place.member.slash(place.channel, "sampler", prompt=PROMPT, **options)
    own = demo_model.answer(SamplerQuestion.from_options(PROMPT, **options))
    embed = embed_of(result.response)
    assert "fields" not in embed
    beginning, table, stages = embed["description"].split("```")
    assert beginning.startswith(f"{PROMPT} **▁**")
    before, *lines = stages.strip().split("\n")
    assert before.startswith(f"Before: **{own.before.tokens_left:,}** tokens, **{own.before.entropy:.2f} bits**")
    off = [stage.name for stage in own.stages if not stage.is_on]
    assert before.endswith(f". Off: {', '.join(off)}" if off else " bits**")
    first = own.before.top[0]
    (row,) = [line for line in table.split("\n") if line.endswith(" ·night")]
    after = {entry.token.id: entry.probability for entry in own.after.top}
    assert row.split()[:2] == [percentage(first.probability), percentage(after[first.token.id])]
    assert len(table.strip().split("\n")) <= 1 + 6
    on = [stage for stage in own.stages if stage.is_on]
    assert len(lines) == 2 * len(on)
    for number, stage in enumerate(on, start=1):
        head, effect = lines[2 * number - 2 : 2 * number]
        count = f"**{stage.after.tokens_left:,}** token{'' if stage.after.tokens_left == 1 else 's'}"
        assert head == f"**{number}. {stage.name} {stage.value:g}** → {count}, **{stage.after.entropy:.2f} bits**"
        if stage.tokens_cut:
            tokens = "1 token" if stage.tokens_cut == 1 else f"{stage.tokens_cut:,} tokens"
            assert effect.startswith(f"Cut {tokens} ({percentage(stage.mass_cut)}), likeliest **")
            assert f"** {percentage(stage.cut[0].probability)}: " in effect


async def test_a_token_that_was_cut_names_the_stage(place: Place, demo_model: EngineModel) -> None:
    result = await place.member.slash(place.channel, "sampler", prompt=PROMPT, top_k=3)
    rows = result.response.embeds[0].description.split("```")[1].split("\n")
    assert sum(row.split()[1:2] == ["top_k"] for row in rows) == 3


async def test_too_long_a_prompt_is_refused(place: Place) -> None:
    result = await place.member.slash(place.channel, "sampler", prompt="the " * 600)
    (refusal,) = result.followups
    assert refusal.ephemeral
    assert embed_of(refusal)["title"] == "Too long"
