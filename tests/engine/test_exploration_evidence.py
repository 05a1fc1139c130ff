"""Evidence for a verdict equals the verdicts on reduced reviews, and a calibration computed directly."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bot.engine.model import EngineModel
from bot.engine.transformers.forward_passes import ForwardPasses
from bot.errors import EmptyPrompt, PromptTooLong, SentimentUnsupported
from bot.questions.evidence import WordGroups, without
from bot.questions.sentiment import SENTIMENT, EvidenceQuestion, SentimentQuestion
from tests.engine.exploring import close
from tests.engine.plain import REVIEWS


@pytest.mark.parametrize("model_folder", ["demo", "random Qwen2"], indirect=True)
@pytest.mark.parametrize("review", [*REVIEWS, "Good", "  👍👍 très 好看!  "])
def test_a_word_s_effect_is_the_change_in_margin_without_it(ours: EngineModel, review: str) -> None:
    result = ours.answer(EvidenceQuestion(review))
    verdict = ours.answer(SentimentQuestion(review))
    assert result.sentiment.label == verdict.label
    assert result.margin == close(verdict.margin)
    assert result.sentiment.label_mass == close(verdict.label_mass)
    assert result.words_together == 1
    assert [word.text for word in result.words] == review.split()
    for word in result.words:
        assert review[word.start : word.end] == word.text
        reduced = without(review, word.start, word.end)
        if reduced.strip():
            other = ours.answer(SentimentQuestion(reduced))
            assert word.effect == pytest.approx(result.margin - other.margin, abs=1e-4, rel=1e-5)


@pytest.mark.parametrize("model_folder", ["demo", "random Qwen2"], indirect=True)
def test_calibration_equals_a_direct_computation(ours: EngineModel, plain: Any, tokenizer: Any) -> None:
    review = "It was fine, I suppose."
    ids = [tokenizer.encode(label)[0] for label in (" positive", " negative")]

    def labels(text: str) -> torch.Tensor:
        with torch.no_grad():
            logits = plain(tokenizer(SENTIMENT.prompt(text), return_tensors="pt").input_ids).logits[0, -1]
        probabilities: torch.Tensor = logits.double().softmax(-1)[ids]
        return probabilities

    content_free = torch.stack([labels(text) for text in ("N/A", "", "[MASK]")]).mean(0)
    content_free /= content_free.sum()
    raw = labels(review) / labels(review).sum()
    calibrated = torch.linalg.inv(torch.diag(content_free)) @ raw
    calibrated /= calibrated.sum()
    calibration = ours.answer(EvidenceQuestion(review)).calibration
    assert [calibration.content_free_positive, calibration.content_free_negative] == close(content_free.tolist())
    assert [calibration.positive_probability, calibration.negative_probability] == close(calibrated.tolist())
    assert calibration.label == ("Positive" if calibrated[0] > calibrated[1] else "Negative")


def test_words_of_a_long_review_are_left_out_in_groups(
    demo_model: EngineModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    last_logits_of = ForwardPasses.last_logits_of

    def record(passes: ForwardPasses, texts: list[list[int]], *rest: Any) -> Any:
        batches.append(len(texts))
        return last_logits_of(passes, texts, *rest)

    monkeypatch.setattr(ForwardPasses, "last_logits_of", record)
    review = "good film " * 65
    result = demo_model.answer(EvidenceQuestion(review))
    assert result.words_together == 3
    assert batches == [1 + 3 + len(result.words)]
    assert len(result.words) == math.ceil(130 / 3)
    assert result.words[0].text == "good film good"
    assert result.words[-1].text == "film"


@given(st.text(st.characters(categories=("L", "P", "Zs", "Cc")), max_size=300), st.integers(1, 8))
def test_groups_cover_every_word_once(review: str, most: int) -> None:
    groups = WordGroups.of(review, most)
    assert len(groups.spans) <= most
    words = review.split()
    assert [word for start, end in groups.spans for word in review[start:end].split()] == words
    assert all(len(review[start:end].split()) == groups.together for start, end in groups.spans[:-1])
    for number, reduced in enumerate(groups.reduced):
        kept = words[: number * groups.together] + words[(number + 1) * groups.together :]
        assert reduced.split() == kept


def test_leaving_out_a_word_keeps_the_rest_unchanged() -> None:
    review = " a  b\tc \n"
    assert WordGroups.of(review).reduced == [" b\tc \n", " a  c \n", " a  b \n"]
    assert without("  a ", 2, 3) == "   "


def test_a_review_that_cannot_be_scored_has_no_evidence(demo_model: EngineModel, stories_model: EngineModel) -> None:
    with pytest.raises(EmptyPrompt, match="The review is empty"):
        demo_model.answer(EvidenceQuestion(" \n"))
    with pytest.raises(PromptTooLong, match="The review with the question around it"):
        demo_model.answer(EvidenceQuestion(" the" * 512))
    with pytest.raises(SentimentUnsupported):
        stories_model.answer(EvidenceQuestion("good"))
