"""The embedded demo model does what its model card says. The card's figures come from `make train`."""

import json
from pathlib import Path

import pytest
from transformers import AutoConfig

from bot.engine.model import EngineModel
from bot.engine.model_files import DEMO_FOLDER
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.sentiment import SentimentQuestion
from bot.questions.topk import TopKQuestion
from training.corpus import write_reviews

PLAIN_REVIEWS = Path(__file__).parent / "data" / "plain_reviews.jsonl"
HELD_OUT_SEED = 0  # as in training/__main__.py


def accuracy(model: EngineModel, reviews: list[tuple[str, str]]) -> float:
    return sum(model.answer(SentimentQuestion(review)).label == label for review, label in reviews) / len(reviews)


def test_its_size_and_kind(demo_model: EngineModel) -> None:
    config = AutoConfig.from_pretrained(DEMO_FOLDER)
    assert config.model_type == "qwen2"
    assert str(config.dtype) == "torch.bfloat16"
    assert 3_000_000 <= (demo_model.info.parameter_count or 0) <= 6_000_000
    assert 4000 <= demo_model.info.vocab_size <= 4200
    assert sum(path.stat().st_size for path in DEMO_FOLDER.iterdir() if path.is_file()) <= 14_000_000


def test_night_comes_first(demo_model: EngineModel) -> None:
    candidates = demo_model.answer(TopKQuestion("It was a dark and stormy", 10)).next_tokens.candidates
    assert candidates[0].token.text == " night"


def test_it_judges_reviews_of_the_grammar_that_it_never_saw(demo_model: EngineModel) -> None:
    reviews = write_reviews(HELD_OUT_SEED, 400)
    assert accuracy(demo_model, [(review.review, review.label) for review in reviews]) >= 0.95


def test_it_judges_plain_reviews_written_by_hand(demo_model: EngineModel) -> None:
    reviews = [json.loads(line) for line in PLAIN_REVIEWS.read_text().splitlines()]
    assert len(reviews) == 60
    assert sum(review["label"] == "Positive" for review in reviews) == 30
    assert accuracy(demo_model, [(review["review"], review["label"]) for review in reviews]) >= 0.8


@pytest.mark.parametrize("seed", range(3))
def test_it_writes_sentences(demo_model: EngineModel, seed: int) -> None:
    parameters = GenerationParameters.from_options(strategy="sample", max_new_tokens=60, seed=seed)
    words = demo_model.answer(ContinuationQuestion("The old man", parameters)).text.split()
    assert len(words) >= 25
    assert len(set(words)) >= 15
