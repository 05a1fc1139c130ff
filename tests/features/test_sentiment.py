"""`/sentiment` as a member meets it."""

from collections.abc import Callable

import pytest

from bot.engine.model import EngineModel
from bot.features.sentiment.text import sentiment_table
from bot.questions.language_model import LanguageModel
from bot.questions.sentiment import SentimentQuestion
from tests.features.people import Place, embed_of

GOOD = "I laughed all the way through. A wonderful film."
BAD = "I fell asleep. A terrible, boring mess."


@pytest.mark.parametrize(("review", "label", "colour"), [(GOOD, "Positive", 0x248046), (BAD, "Negative", 0xDA373C)])
async def test_verdict_and_evidence(
    place: Place, demo_model: EngineModel, review: str, label: str, colour: int
) -> None:
    result = await place.member.slash(place.channel, "sentiment", review=review)
    embed = embed_of(result.response)
    mass = embed["fields"].pop()
    assert embed == {
        "title": label,
        "description": f"> {review}",
        "color": colour,
        "fields": [
            {
                "name": "Positive or negative",
                "value": f"```\n{sentiment_table(demo_model.answer(SentimentQuestion(review)))}\n```",
            }
        ],
        "footer": "demo · float32",
    }
    assert mass["name"] == "Label mass"
    assert mass["value"].endswith("The model is answering the question.")


async def test_white_space_alone_is_no_review(place: Place) -> None:
    result = await place.member.slash(place.channel, "sentiment", review="  \n ")
    assert result.response is None
    (refusal,) = result.followups
    assert refusal.ephemeral
    assert embed_of(refusal)["title"] == "Nothing to read"


class TestOnAModelThatSplitsTheLabels:
    @pytest.fixture
    def load(self, stories_model: EngineModel) -> Callable[[], LanguageModel]:
        return lambda: stories_model

    async def test_it_is_refused_with_the_pieces(self, place: Place) -> None:
        result = await place.member.slash(place.channel, "sentiment", review=GOOD)
        (refusal,) = result.followups
        assert refusal.ephemeral
        embed = embed_of(refusal)
        assert embed["title"] == "Not supported by this model"
        assert "into '▁p' + 'o' + 's' + 'it' + 'i' + 've'" in embed["description"]
        assert embed["color"] == 0xDA373C
