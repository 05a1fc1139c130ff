"""A real model whose numbers are not finite for one message: that message is listed, and the others are scored."""

from collections.abc import Callable
from typing import Any

import pytest

from bot.engine.model import EngineModel
from bot.engine.transformers.loading import load_model
from bot.questions.language_model import LanguageModel
from bot.questions.tokenization import TokenizationQuestion
from tests.engine.small_models import llama, random_model
from tests.features.review.conftest import GOOD, ReviewPlace, field

WORD = " night"  # the token whose embedding is NaN
MESSAGES = 300


@pytest.fixture(scope="module")
def damaged_model(tmp_path_factory: pytest.TempPathFactory, demo_model: EngineModel) -> EngineModel:
    (id_,) = (token.id for token in demo_model.answer(TokenizationQuestion(WORD))[0].tokens)

    def damage(model: Any) -> None:
        model.get_input_embeddings().weight[id_] = float("nan")

    return load_model(str(random_model(tmp_path_factory.mktemp("damaged"), llama(), damage)), max_prompt_tokens=200)


@pytest.fixture
def load(damaged_model: EngineModel) -> Callable[[], LanguageModel]:
    return lambda: damaged_model


@pytest.mark.slow
async def test_of_300_messages_299_are_scored_and_the_other_is_listed(place: ReviewPlace) -> None:
    await place.watch(notice=False)
    texts = [f"{GOOD}{WORD if number == 150 else ''} {number}" for number in range(MESSAGES)]
    messages = [await place.member.send(place.channel, text) for text in texts]
    for minutes in (1, 1, 10, 60):
        await place.env.advance_time(minutes * 60 + 30)
    scored = {message.message_id for message in await place.store.scores.latest(place.channel.id)}
    assert scored == {message.id for message in messages} - {messages[150].id}
    answer = (await place.moderator.slash(place.channel, "review status")).response
    listed = field(answer, "Could not be scored (1)")
    assert listed.startswith("**The model's numbers are not finite, in float32.**")
    assert str(messages[150].id) in listed
