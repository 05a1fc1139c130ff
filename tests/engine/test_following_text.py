"""A text that follows another is tokenized as a continuation, not as the beginning of a text."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from bot.engine.model import EngineModel
from bot.engine.transformers.loading import load_model
from bot.questions.sentiment import SENTIMENT, EvidenceQuestion, SentimentQuestion
from bot.questions.topk import GuessQuestion
from tests.engine.small_models import plain_model, spaced_model

REVIEW = "I laughed all the way home."


@pytest.fixture(scope="module", params=[False, True], ids=["a space before", "and an end after"])
def folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    return spaced_model(tmp_path_factory.mktemp("spaced"), ends_texts=request.param)


@pytest.fixture(scope="module")
def spaced(folder: Path) -> EngineModel:
    return load_model(str(folder), max_prompt_tokens=100)


@pytest.fixture(scope="module")
def plain(folder: Path) -> Any:
    return plain_model(folder)


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    return AutoTokenizer.from_pretrained(folder)


def test_labels_are_single_tokens_after_the_question(spaced: EngineModel, plain: Any, tokenizer: Any) -> None:
    prompt = SENTIMENT.prompt(REVIEW)
    with torch.no_grad():
        logits = plain(tokenizer(prompt, return_tensors="pt").input_ids).logits[0, -1]
    positive, negative = tokenizer.convert_tokens_to_ids(["▁positive", "▁negative"])
    verdict = spaced.answer(SentimentQuestion(REVIEW))
    assert verdict.positive_logit == pytest.approx(logits[positive].item(), abs=1e-4)
    assert verdict.negative_logit == pytest.approx(logits[negative].item(), abs=1e-4)
    assert spaced.answer(EvidenceQuestion(REVIEW)).sentiment == verdict


@pytest.mark.parametrize(
    ("prompt", "guess", "token"),
    [
        ("It was", ",", ","),
        ("It was", "...", "."),
        ("It wa", "s", "s"),
        ("It was a dar", "k", "k"),
        ("It was ", "k", "k"),
    ],
)
def test_a_guess_is_tokenized_as_a_continuation(spaced: EngineModel, prompt: str, guess: str, token: str) -> None:
    assert spaced.answer(GuessQuestion(prompt, guess)).token.text == token


@pytest.mark.parametrize(
    ("prompt", "guess", "tokens"), [("It was a", "dark", {"▁dark", "d"}), ("It was ", "a", {"▁a", "a"})]
)
def test_of_two_ways_to_write_a_guess_the_more_probable_counts(
    spaced: EngineModel, plain: Any, tokenizer: Any, prompt: str, guess: str, tokens: set[str]
) -> None:
    with torch.no_grad():
        logits = plain(tokenizer(prompt, return_tensors="pt").input_ids).logits[0, -1]
    expected = max(tokens, key=lambda piece: float(logits[tokenizer.convert_tokens_to_ids(piece)]))
    assert spaced.answer(GuessQuestion(prompt, guess)).token.id == tokenizer.convert_tokens_to_ids(expected)


@pytest.mark.parametrize(("guess", "token"), [(",", ","), ("night", " night"), ("y", "y")])
def test_bytes_need_no_difference(demo_model: EngineModel, guess: str, token: str) -> None:
    assert demo_model.answer(GuessQuestion("It was a dark and storm", guess)).token.text == token


def test_a_tokenizer_that_drops_line_breaks_needs_another_beginning(tmp_path: Path) -> None:
    folder = spaced_model(tmp_path)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["normalizer"] = None
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    tokenizer["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]}
    tokenizer["model"]["vocab"] += [["▁wor", -1.0], ["▁world", -1.0], ["▁ld", -1.0]]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    model = load_model(str(folder), max_prompt_tokens=100)
    ids = model.engine.codec.following_ids("It was a wor", "ld")
    assert [model.engine.codec.token(id_).text for id_ in ids] == ["l", "d"]
