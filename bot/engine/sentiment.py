"""The question around every review: its verdict, and the evidence for it."""

from itertools import takewhile

import torch

from bot.engine.tokenizer import TextCodec
from bot.engine.transformers.forward_passes import ForwardPasses
from bot.errors import EmptyPrompt
from bot.questions.sentiment import (
    CONTENT_FREE,
    NEGATIVE_LABEL,
    POSITIVE_LABEL,
    Calibration,
    Sentiment,
    SentimentEvidence,
    SentimentLabel,
    WordEvidence,
    sentiment_prompt,
    without,
    word_groups,
)


class SentimentQuestion:
    """Asks the notebook's question of a model; what stands before every review is computed once."""

    def __init__(self, passes: ForwardPasses, codec: TextCodec) -> None:
        self._passes = passes
        self._codec = codec
        self._label_ids: list[int] = []
        pairs = zip(*(codec.ids(sentiment_prompt(review)) for review in ("good", "Bad")), strict=False)
        self._beginning = passes.computed([one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)])

    def judge(self, review: str) -> Sentiment:
        """Return the verdict. Raises EmptyPrompt, PromptTooLong and SentimentUnsupported."""
        self._refuse_empty(review)
        labels, input_ids = self._labels(), self._ids(review)
        return _verdict(review, input_ids, self._passes.last_logits(input_ids, self._beginning), labels)

    def explain(self, review: str) -> SentimentEvidence:
        """Return the verdict with its evidence; all prompts wait together. Raises as `judge` does."""
        self._refuse_empty(review)
        labels = self._labels()
        groups, together = word_groups(review)
        reduced = [without(review, start, end) for start, end in groups]
        texts = [review, *CONTENT_FREE, *reduced]
        ids = [self._ids(text) for text in texts]
        logits = self._passes.last_logits_of(ids, self._beginning)
        whole, *others = [_verdict(*one, labels) for one in zip(texts, ids, logits, strict=True)]
        return SentimentEvidence(
            sentiment=whole,
            words=tuple(
                WordEvidence(start, end, review[start:end], _margin(whole) - _margin(one))
                for (start, end), one in zip(groups, others[len(CONTENT_FREE) :], strict=True)
            ),
            words_together=together,
            calibration=_calibrated(whole, others[: len(CONTENT_FREE)]),
        )

    def _refuse_empty(self, review: str) -> None:
        if not review.strip():
            raise EmptyPrompt("review", self._codec.prompt_limit - len(self._codec.ids(sentiment_prompt(""))))

    def _ids(self, review: str) -> list[int]:
        return self._codec.encode(sentiment_prompt(review), what="review with the question around it")

    def _labels(self) -> list[int]:
        if not self._label_ids:  # every question ends alike, so its labels are the same after each
            asked = sentiment_prompt("good")
            self._label_ids = [self._codec.label_id(label, asked) for label in (POSITIVE_LABEL, NEGATIVE_LABEL)]
        return self._label_ids


def _verdict(review: str, input_ids: list[int], logits: torch.Tensor, label_ids: list[int]) -> Sentiment:
    """Return the verdict, given the logits [vocabulary] after the question."""
    labels = logits[label_ids]
    positive_logit, negative_logit = labels.tolist()
    label = _label(positive_logit, negative_logit)
    positive, negative = labels.softmax(0).tolist()
    return Sentiment(
        review=review,
        label=label,
        positive_logit=positive_logit,
        negative_logit=negative_logit,
        positive_probability=positive,
        negative_probability=negative,
        label_mass=logits.softmax(0)[label_ids].sum().item(),
        input_ids=tuple(input_ids),
        label_id=label_ids[0 if label == "Positive" else 1],
    )


def _label(positive: float, negative: float) -> SentimentLabel:
    return "Positive" if positive > negative else "Negative"


def _margin(verdict: Sentiment) -> float:
    return verdict.positive_logit - verdict.negative_logit


def _calibrated(verdict: Sentiment, content_free: list[Sentiment]) -> Calibration:
    """Return the verdict after contextual calibration, as its authors' code computes it."""
    free = torch.tensor(
        [
            sum(one.positive_probability * one.label_mass for one in content_free),
            sum(one.negative_probability * one.label_mass for one in content_free),
        ],
        dtype=torch.float64,
    ).clamp(min=1e-300)
    free /= free.sum()
    raw = torch.tensor([verdict.positive_probability, verdict.negative_probability], dtype=torch.float64)
    calibrated = raw / free
    calibrated /= calibrated.sum()
    free_positive, free_negative = free.tolist()
    positive, negative = calibrated.tolist()
    return Calibration(free_positive, free_negative, positive, negative, _label(positive, negative))
