"""The notebooks' figures on the real Qwen2-0.5B: run `make test-reference` if the weights are in the local cache."""

from typing import Any

import pytest
from huggingface_hub import snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError

from bot.engine.model import EngineModel
from bot.engine.transformers.loading import load_model
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.sentiment import SENTIMENT, SentimentQuestion
from bot.questions.tokenization import TokenizationQuestion
from bot.questions.topk import TopKQuestion

NAME = "Qwen/Qwen2-0.5B"
PROMPT = "It was a dark and stormy"
INPUT_IDS = (2132, 572, 264, 6319, 323, 13458, 88)
TOP10 = [
    (" night", 0.8871),
    (" evening", 0.0430),
    (" day", 0.0219),
    (" morning", 0.0049),
    (" winter", 0.0045),
    (" afternoon", 0.0027),
    (" Saturday", 0.0025),
    (" Sunday", 0.0019),
    (" Friday", 0.0017),
    (" October", 0.0016),
]
CONTINUATIONS: list[tuple[dict[str, Any], str]] = [
    ({}, " night. The sky was dark and the wind was howling. The rain was pouring down and the"),
    (
        {"strategy": "beam", "num_beams": 5, "max_new_tokens": 30},
        " night. The wind was howling, and the rain was pouring down. The sky was dark and gloomy, and the air was "
        "filled with the",
    ),
    (
        {"strategy": "beam", "num_beams": 5, "repetition_penalty": 2.0, "max_new_tokens": 38},
        " night. The sky was filled with thunder and lightning, and the wind howled in the distance. It was raining "
        "cats and dogs, and the streets were covered in puddles of water.",
    ),
]
GREEDY_IDS = (
    3729, 13, 576, 12884, 572, 6319, 323, 279, 9956, 572, 1246, 2718, 13, 576, 11174, 572, 50413, 1495, 323, 279,
)  # fmt: skip
REVIEWS = [
    "\nIt's so witless, in fact, that when we do discover the secret, we want to rewind the         film so we don't "
    "know the secret anymore.\n        And then keep on rewinding, and rewinding, until we're back at the beginning, "
    "        and can get up from our seats and walk backward out of the theater and go down         the up escalator "
    "and watch the money spring from the cash register into our pockets.\n        ",
    "\nI am required to award stars to movies I review. This time, I refuse to do it.\nThe star rating system is "
    "unsuited to this film. Is the movie good? Is it bad? Does it matter?\nIt is what it is and occupies a world "
    "where the stars don't shine.\n        ",
    '\n"Pearl Harbor" is a two-hour movie squeezed into three hours, about how on Dec. 7, 1941, the Japanese staged '
    "a\nsurprise attack on an American love triangle. Its centerpiece is 40 minutes of redundant special effects,\n"
    "surrounded by a love story of stunning banality. The film has been directed without grace, vision, or\n"
    "originality, and although you may walk out quoting lines of dialog, it will not be because you admire them.\n",
]


def test_the_prompt_is_the_notebook_s_character_for_character() -> None:
    assert SENTIMENT.prompt("{x}\n ") == (
        "Question: Is the following review positive or\n    negative about the movie?\n    Review: {x}\n  Answer:"
    )


@pytest.fixture(scope="module")
def qwen2() -> EngineModel:
    try:
        snapshot_download(NAME, local_files_only=True)
    except LocalEntryNotFoundError:
        pytest.skip(f"the weights of {NAME} are not in the local cache")
    return load_model(NAME, max_prompt_tokens=1024)


@pytest.mark.reference
def test_tokens_and_probabilities(qwen2: EngineModel) -> None:
    result = qwen2.answer(TopKQuestion(PROMPT, 10)).next_tokens
    assert result.input_ids == INPUT_IDS
    assert result.candidates[0].token.id == 3729
    assert [candidate.token.text for candidate in result.candidates] == [text for text, _ in TOP10]
    assert [round(candidate.probability, 4) for candidate in result.candidates] == [figure for _, figure in TOP10]


@pytest.mark.reference
@pytest.mark.parametrize(("options", "text"), CONTINUATIONS)
def test_continuations(qwen2: EngineModel, options: dict[str, Any], text: str) -> None:
    result = qwen2.answer(ContinuationQuestion(PROMPT, GenerationParameters.from_options(**options)))
    assert result.text == text
    if not options:
        assert result.output_ids == GREEDY_IDS


@pytest.mark.reference
@pytest.mark.parametrize("review", REVIEWS)
def test_sentiment(qwen2: EngineModel, review: str) -> None:
    assert qwen2.answer(SentimentQuestion(review)).label == "Negative"


@pytest.mark.reference
def test_label_ids(qwen2: EngineModel) -> None:
    assert [token.id for token in qwen2.answer(TokenizationQuestion(" positive"))[0].tokens] == [6785]
    assert [token.id for token in qwen2.answer(TokenizationQuestion(" negative"))[0].tokens] == [8225]
