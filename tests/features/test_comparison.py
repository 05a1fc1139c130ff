"""`/compare` as a member meets it."""

import pytest
import simcord

from bot.engine.model import EngineModel
from bot.questions.comparison import ComparisonQuestion
from bot.settings import Settings
from tests.features.messages import state_of
from tests.features.people import Place, embed_of

PROMPT = "The old man looked at the sea and"


@pytest.mark.parametrize("penalty", [1.0, 1.5])
async def test_the_texts_and_figures_are_the_model_s_own(place: Place, demo_model: EngineModel, penalty: float) -> None:
    result = await place.member.slash(
        place.channel, "compare", prompt=PROMPT, max_new_tokens=12, num_beams=3, repetition_penalty=penalty, seed=7
    )
    own = demo_model.answer(ComparisonQuestion(PROMPT, 12, 7, 3, penalty))
    embed = embed_of(result.response)
    assert embed["description"].startswith(f"{PROMPT} **▁**")
    assert len(embed["fields"]) == len(own.texts) == (3 if penalty == 1.0 else 4)
    best = max(own.texts, key=lambda text: text.log_probability)
    for field, text in zip(embed["fields"], own.texts, strict=True):
        assert field["name"] == text.name + (" · most probable" if text is best else "")
        written, figures = field["value"].rsplit("\n", 1)
        assert written.replace("**", "").replace("\\", "").strip() == text.continuation.text.strip()
        assert figures.startswith(
            f"log-probability **{text.log_probability:.2f}** ({text.mean_log_probability:.3f} per"
        )
        assert f"**{len(text.continuation.output_ids)} tokens**" in figures
        assert f"**{text.distinct_share:.0%}** distinct" in figures
        assert ("`seed=7`" in figures) == (text.name == "sample")
        # Without a penalty the search score is the text's own log-probability, so only one figure is shown.
        assert ("search score" in figures) == ("penalty" in text.name)
    receipt = await state_of(result.response)
    assert receipt["outputs"] == [list(text.continuation.output_ids) for text in own.texts]


async def test_a_seed_that_is_not_given_is_drawn_and_gives_the_same_text_again(place: Place) -> None:
    first = await place.member.slash(place.channel, "compare", prompt=PROMPT, max_new_tokens=8, num_beams=2)
    sampled = embed_of(first.response)["fields"][1]["value"]
    seed = int(sampled.split("`seed=")[1].split("`")[0])
    again = await place.member.slash(place.channel, "compare", prompt=PROMPT, max_new_tokens=8, num_beams=2, seed=seed)
    assert embed_of(again.response)["fields"] == embed_of(first.response)["fields"]


async def test_too_many_tokens_are_refused_before_anything_is_computed(place: Place) -> None:
    with pytest.raises(simcord.OptionError):
        await place.member.slash(place.channel, "compare", prompt=PROMPT, max_new_tokens=65)


class TestWhereTextsAreKeptShort:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(model="demo", max_new_tokens=5)

    async def test_the_limit_applies_to_compare_too(self, place: Place) -> None:
        result = await place.member.slash(place.channel, "compare", prompt=PROMPT, num_beams=2)
        assert "**5 tokens**" in embed_of(result.response)["fields"][0]["value"]
        refused = await place.member.slash(place.channel, "compare", prompt=PROMPT, max_new_tokens=6)
        assert refused.response.ephemeral
        assert embed_of(refused.response)["description"] == r"max\_new\_tokens is 6, but must be from 1 to 5."
