"""`/why` as a member meets it."""

from typing import Any

import pytest

from bot.engine.model import EngineModel
from bot.questions.why import WhyQuestion
from bot.rendering.escaping import visible_token
from bot.rendering.tables import percentage
from tests.features.people import Place, embed_of

PROMPT = "The old man looked at the sea and"


@pytest.mark.parametrize(
    "options",
    [{}, {"token": "said"}, {"instead_of": "said"}, {"token": "zebra", "instead_of": "said"}],
    ids=["the two most probable", "a token", "instead of a token", "two tokens"],
)
async def test_it_shows_the_model_s_own_figures(place: Place, demo_model: EngineModel, options: dict[str, Any]) -> None:
    result = await place.member.slash(place.channel, "why", prompt=PROMPT, **options)
    own = demo_model.answer(WhyQuestion(PROMPT, options.get("token"), options.get("instead_of")))
    embed = embed_of(result.response)
    token, other = (visible_token(entry.token.text) for entry in (own.token, own.instead_of))
    title = f"Why “{token}” and not “{other}”" if own.difference >= 0 else f"Why not “{token}” but “{other}”"
    assert embed["title"] == title
    assert embed["description"].startswith(f"{PROMPT} **▁**\n")
    rows = [row.split() for row in embed["description"].split("```")[1].strip().split("\n")]
    assert rows == [
        ["#", "prob.", "logit", "token"],
        *(
            [f"{entry.rank:,}", percentage(entry.probability), f"{entry.logit:z.2f}", visible_token(entry.token.text)]
            for entry in (own.token, own.instead_of)
        ),
        [f"{own.difference:+.2f}", "difference"],
    ]
    (field,) = embed["fields"]
    strongest = sorted(own.words, key=lambda word: -abs(word.effect))
    shown = [row.split() for row in field["value"].split("```")[1].strip().split("\n")]
    assert shown == [["effect", "word"], *([f"{word.effect:+.2f}", word.text] for word in strongest)]
    assert f"Above 0 counts for “{token}”, below 0 for “{other}”." in field["value"]
    assert field["value"].endswith("An effect is not a cause: without the word, the prompt is another text.")


async def test_only_the_eight_strongest_of_many_words_are_in_the_table(place: Place, demo_model: EngineModel) -> None:
    prompt = f"{PROMPT} the captain said that he was " * 8
    result = await place.member.slash(place.channel, "why", prompt=prompt)
    own = demo_model.answer(WhyQuestion(prompt.strip()))
    (field,) = embed_of(result.response)["fields"]
    assert len(field["value"].split("```")[1].strip().split("\n")) == 1 + 8
    assert own.words_together == 2
    assert "This prompt is long, so 2 adjacent words are left out at a time." in field["value"]


async def test_a_single_word_is_explained_as_too_few(place: Place) -> None:
    answer = (await place.member.slash(place.channel, "why", prompt="Once")).response
    embed = embed_of(answer)
    assert embed["title"].startswith("Why “")
    assert embed["fields"][0]["value"].startswith("No word was left out: the prompt can't be empty")
    assert [file.filename for file in answer.attachments] == []


@pytest.mark.parametrize(
    ("options", "title", "said"),
    [
        ({"prompt": PROMPT, "token": "said", "instead_of": "said"}, "The same token twice", "'said' is read as"),
        ({"prompt": "the " * 600}, "Too long", "but the limit is 512"),
    ],
    ids=["the same token", "too long"],
)
async def test_a_refusal_is_private(place: Place, options: dict[str, Any], title: str, said: str) -> None:
    result = await place.member.slash(place.channel, "why", **options)
    (refusal,) = result.followups
    assert refusal.ephemeral
    embed = embed_of(refusal)
    assert embed["title"] == title
    assert said in embed["description"]
