"""`/topk` as a member meets it."""

import pytest
import simcord

from bot.engine.model import EngineModel
from bot.questions.topk import TopKQuestion
from bot.rendering.tables import bar, percentage
from tests.features.people import Place, embed_of

PROMPT = "It was a dark and stormy"


async def test_the_table_shows_the_model_s_own_numbers(place: Place, demo_model: EngineModel) -> None:
    result = await place.member.slash(place.channel, "topk", prompt=PROMPT, k=2)

    first, second = demo_model.answer(TopKQuestion(PROMPT, 2)).next_tokens.candidates
    rest = 1 - first.probability - second.probability
    ids = [str(candidate.token.id) for candidate in (first, second)]
    digits = max(map(len, ids))
    rows = [
        f"{'#'} {'prob.':>6} {'':4} {'id':>{digits}} token",
        f"1 {percentage(first.probability):>6} {bar(first.probability)} {ids[0]:>{digits}} ·night",
        f"2 {percentage(second.probability):>6} {bar(second.probability)} {ids[1]:>{digits}} "
        + second.token.text.replace(" ", "·"),
        f"  {percentage(rest):>6} {bar(rest)} {'':{digits}} all others",
    ]
    table = "\n".join(rows)
    assert embed_of(result.response) == {
        "title": "Next token",
        "description": f"{PROMPT} **▁**\n```\n{table}\n```",
        "color": 0x5865F2,
        "footer": "demo · float32",
    }
    assert not result.response.ephemeral
    assert place.channel.history(viewer=place.other)[-1].embeds


async def test_the_default_is_ten_tokens(place: Place) -> None:
    result = await place.member.slash(place.channel, "topk", prompt=PROMPT)
    assert result.response.embeds[0].description.count("\n") == 1 + 1 + 10 + 1 + 1


async def test_discord_enforces_the_range_of_k(place: Place) -> None:
    for k in (0, 26):
        with pytest.raises(simcord.OptionError) as refused:
            await place.member.slash(place.channel, "topk", prompt=PROMPT, k=k)
        assert refused.value.code == "option-range"


async def test_it_is_acknowledged_before_anything_is_computed(place: Place) -> None:
    await place.member.slash(place.channel, "topk", prompt=PROMPT)
    callback, edit = [
        request for request in place.env.http_requests if "interactions/" in request.path or "@original" in request.path
    ]
    assert callback.json == {"type": 5}
    assert edit.method == "PATCH"


async def test_it_works_in_a_direct_message(place: Place) -> None:
    result = await place.env.create_user("dora").slash("topk", prompt=PROMPT, k=1)
    assert "·night" in result.response.embeds[0].description


async def test_nothing_in_a_prompt_is_interpreted(place: Place) -> None:
    hostile = "@everyone <@1> **bold** ```\ncode``` [x](http://y) \u202eabc # h"
    result = await place.member.slash(place.channel, "topk", prompt=hostile)
    description = result.response.embeds[0].description
    assert "@everyone" not in description
    assert "\u202e" not in description
    assert "\\`\\`\\`" in description
    (edit,) = [request for request in place.env.http_requests if "@original" in request.path]
    assert edit.json is not None
    assert edit.json["allowed_mentions"] == {"parse": []}


async def test_names_of_emoji_are_shown_as_they_were_written(place: Place) -> None:
    for prompt, shown in (
        ("Worth every penny :100:", r"Worth every penny \:100: **▁**"),
        ("2a14:6f42:c::/48", r"2a14\:6f42\:c\:\:/48 **▁**"),
    ):
        result = await place.member.slash(place.channel, "topk", prompt=prompt)
        assert result.response.embeds[0].description.startswith(f"{shown}\n")
