"""`/sentiment` and `/continue` without their text open a form for several lines."""

from collections.abc import Callable

import pytest
import simcord

from bot.engine.model import EngineModel
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import LanguageModel
from bot.questions.sentiment import SentimentQuestion
from tests.fakes import fake_model
from tests.features.people import Place, embed_of

LINES = "I laughed.\n\nA wonderful film,\nfrom start to finish."


@pytest.mark.parametrize("private", [False, True])
async def test_a_review_of_several_lines(place: Place, demo_model: EngineModel, private: bool) -> None:
    shown = await place.member.slash(place.channel, "sentiment", private=private)
    result = await place.member.submit_modal(shown, {"review": LINES})
    assert result.response.ephemeral == private
    embed = embed_of(result.response)
    assert embed["title"] == demo_model.answer(SentimentQuestion(LINES)).label
    assert embed["description"] == "> I laughed.\n> \n> A wonderful film,\n> from start to finish."


async def test_a_prompt_of_several_lines_with_the_command_s_options(place: Place, demo_model: EngineModel) -> None:
    shown = await place.member.slash(place.channel, "continue", strategy="sample", seed=3, max_new_tokens=8)
    result = await place.member.submit_modal(shown, {"prompt": LINES})
    parameters = GenerationParameters.from_options(strategy="sample", seed=3, max_new_tokens=8)
    text = demo_model.answer(ContinuationQuestion(LINES, parameters)).text
    written = result.response.embeds[0].description
    assert written.replace("**", "").replace("\\", "") == LINES + text


async def test_a_wrong_option_is_refused_before_the_form_opens(place: Place) -> None:
    result = await place.member.slash(place.channel, "continue", seed=3)
    assert result.response.ephemeral
    assert embed_of(result.response)["title"] == "Option has no effect"


async def test_a_form_that_is_too_long_says_so(place: Place) -> None:
    shown = await place.member.slash(place.channel, "sentiment", private=True)
    result = await place.member.submit_modal(shown, {"review": "the " * 900})
    assert result.response.ephemeral
    assert embed_of(result.response)["title"] == "Too long"


class TestABug:
    @pytest.fixture
    def load(self, demo_model: EngineModel) -> Callable[[], LanguageModel]:
        def fail(_: object) -> None:
            raise ZeroDivisionError

        return lambda: fake_model(demo_model.info, {SentimentQuestion: fail})

    async def test_a_bug_in_a_form_is_answered_with_a_reference_id(
        self, place: Place, caplog: pytest.LogCaptureFixture
    ) -> None:
        shown = await place.member.slash(place.channel, "sentiment")
        result = await place.member.submit_modal(shown, {"review": "Good."})
        (message,) = [message for message in (result.response, *result.followups) if message is not None]
        assert message.ephemeral
        assert embed_of(message)["title"] == "A bug in the bot"
        assert "in the form 'Sentiment of a review'" in caplog.text
        simcord.assert_error(place.env, ZeroDivisionError)
