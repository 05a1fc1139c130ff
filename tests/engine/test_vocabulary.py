"""A tokenizer can have tokens without a row in the model: texts without them are answered, others are refused."""

from pathlib import Path
from typing import Any

import pytest

from bot.engine.model import EngineModel
from bot.engine.transformers.loading import load_model
from bot.errors import BotError, OptionOutOfRange
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.tokenization import TokenizationQuestion
from bot.questions.topk import GuessQuestion, TopKQuestion
from tests.console import PROMPT, Console
from tests.engine.small_models import added_token, demo_with


def one_more(tokenizer: dict[str, Any]) -> None:
    tokenizer["added_tokens"].append(added_token(4096, "<image>", special=True))


def many_more(tokenizer: dict[str, Any]) -> None:
    tokenizer["added_tokens"] += [added_token(4096 + position, f"<extra_{position}>") for position in range(100)]


def beyond_a_gap(tokenizer: dict[str, Any]) -> None:
    """Replace a token by an added one with an id beyond the rows, so there are as many tokens as rows."""
    vocabulary = tokenizer["model"]["vocab"]
    removed = next(piece for piece, id_ in vocabulary.items() if id_ == 4095)
    del vocabulary[removed]
    merges = tokenizer["model"]["merges"]
    tokenizer["model"]["merges"] = [
        merge for merge in merges if "".join(merge if isinstance(merge, list) else merge.split(" ")) != removed
    ]
    vocabulary["<image>"] = 5000  # a token outside the vocabulary would get the next free id
    tokenizer["added_tokens"].append(added_token(5000, "<image>"))


@pytest.mark.parametrize("edit", [one_more, many_more])
def test_texts_without_the_extra_tokens_are_answered(edit: Any, tmp_path: Path, demo_model: EngineModel) -> None:
    model = load_model(str(demo_with(tmp_path / "model", tokenizer=edit)), max_prompt_tokens=100)
    assert model.answer(TopKQuestion(PROMPT, 5)).next_tokens == demo_model.answer(TopKQuestion(PROMPT, 5)).next_tokens


@pytest.mark.parametrize(
    "question",
    [
        ["topk"],
        ["continue"],
        ["continue", "--strategy", "beam"],
        ["sentiment"],
        ["xray"],
        ["compare"],
        ["sampler"],
        ["layers"],
        ["contrast", "It was"],
        ["why"],
        ["diff", "--dtype-b", "int8"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("edit", [one_more, beyond_a_gap])
def test_a_token_without_a_row_is_refused_by_name_in_one_line(
    console: Console, edit: Any, question: list[str], tmp_path: Path
) -> None:
    folder = demo_with(tmp_path / "model", tokenizer=edit)
    name, *options = question
    error = console.error(name, "It was <image> a dark", *options, "--model", str(folder), code=2)
    assert "<image>" in error
    assert "4,096" in error


def test_a_token_without_a_row_is_shown_and_refused_as_a_guess(tmp_path: Path) -> None:
    model = load_model(str(demo_with(tmp_path / "model", tokenizer=one_more)), max_prompt_tokens=100)
    assert "<image>" in [token.text for token in model.answer(TokenizationQuestion("a <image> b"))[0].tokens]
    with pytest.raises(BotError, match="<image>"):
        model.answer(GuessQuestion(PROMPT, "<image>"))


@pytest.mark.parametrize("id_", [4096, 10**9, -1])
def test_a_written_id_outside_the_vocabulary_is_refused(demo_model: EngineModel, id_: int) -> None:
    parameters = GenerationParameters.from_options(strategy="greedy", max_new_tokens=4)
    with pytest.raises(OptionOutOfRange, match="a written id is"):
        demo_model.answer(ContinuationQuestion(PROMPT, parameters, (5, id_)))
