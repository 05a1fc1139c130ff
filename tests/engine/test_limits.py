"""Empty and too long prompts are refused with their length and the limit; others are computed."""

from collections.abc import Callable
from typing import Any

import pytest

from bot.engine.model import EngineModel
from bot.engine.transformers.loading import load_model
from bot.errors import EmptyPrompt, InputUnreadable, PromptTooLong, RequestCancelled
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.sentiment import SentimentQuestion
from bot.questions.tokenization import TokenizationQuestion
from bot.questions.topk import TopKQuestion
from tests.engine.watching import Cancelling

Ask = Callable[[EngineModel, str], Any]


def generate(model: EngineModel, prompt: str, max_new_tokens: int = 20) -> Any:
    parameters = GenerationParameters.from_options(max_new_tokens=max_new_tokens)
    return model.answer(ContinuationQuestion(prompt, parameters))


ASKS: list[Ask] = [lambda model, prompt: model.answer(TopKQuestion(prompt, 3)).next_tokens, generate]


@pytest.fixture(scope="module")
def short() -> EngineModel:
    return load_model("demo", max_prompt_tokens=10)


@pytest.mark.parametrize("ask", ASKS)
def test_an_empty_prompt_is_refused(short: EngineModel, ask: Ask) -> None:
    with pytest.raises(EmptyPrompt, match=r"The prompt is empty: 0 tokens\. It must have 1 to 10 tokens"):
        ask(short, "")


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_an_empty_review_is_refused_with_the_room_that_the_question_leaves(demo_model: EngineModel, text: str) -> None:
    with pytest.raises(EmptyPrompt, match=r"The review is empty: 0 tokens. It must have 1 to \d+ tokens") as refusal:
        demo_model.answer(SentimentQuestion(text))
    allowed = int(str(refusal.value).split("1 to ")[1].split()[0])
    demo_model.answer(SentimentQuestion(" the" * (allowed - 1)))
    with pytest.raises(PromptTooLong):
        demo_model.answer(SentimentQuestion(" the" * (allowed + 2)))


def test_an_empty_text_is_refused(short: EngineModel) -> None:
    with pytest.raises(EmptyPrompt, match="The text is empty"):
        short.answer(TokenizationQuestion(""))[0]


@pytest.mark.parametrize("ask", ASKS)
def test_the_limit_itself_is_allowed_and_one_more_is_not(short: EngineModel, ask: Ask) -> None:
    ask(short, " the" * 10)
    with pytest.raises(PromptTooLong, match="has 11 tokens, but the limit is 10"):
        ask(short, " the" * 11)


def test_the_model_s_context_is_a_limit_too(demo_model: EngineModel) -> None:
    demo_model.answer(TopKQuestion(" the" * 512, 1))
    with pytest.raises(PromptTooLong, match="has 513 tokens, but the limit is 512"):
        demo_model.answer(TopKQuestion(" the" * 513, 1))


def test_new_tokens_need_room_in_the_context(demo_model: EngineModel) -> None:
    generate(demo_model, " the" * 511, max_new_tokens=1)
    with pytest.raises(PromptTooLong, match=r"the limit is 492 .*is 512 tokens, 20 of them reserved for new"):
        generate(demo_model, " the" * 511)


def test_the_review_s_whole_prompt_counts(demo_model: EngineModel) -> None:
    with pytest.raises(PromptTooLong, match=r"The review with the question around it has .* but the limit is 512"):
        demo_model.answer(SentimentQuestion(" the" * 512))


def test_text_with_a_lone_surrogate_is_refused(demo_model: EngineModel) -> None:
    asks: list[Callable[[str], Any]] = [
        lambda text: demo_model.answer(TokenizationQuestion(text)),
        lambda text: demo_model.answer(SentimentQuestion(text)),
        lambda text: demo_model.answer(TopKQuestion(text, 3)).next_tokens,
    ]
    for ask in asks:
        with pytest.raises(InputUnreadable, match="not valid UTF-8"):
            ask("a\ud800")


def test_a_stop_ends_generation_within_one_token(demo_model: EngineModel) -> None:
    checks = 0

    def should_stop() -> bool:
        nonlocal checks
        checks += 1
        return checks >= 3

    for strategy in ("greedy", "sample", "beam"):
        checks = 0
        parameters = GenerationParameters.from_options(strategy=strategy, max_new_tokens=200)
        with pytest.raises(RequestCancelled):
            demo_model.answer(ContinuationQuestion("Once", parameters), Cancelling(should_stop))
        assert checks <= 5
