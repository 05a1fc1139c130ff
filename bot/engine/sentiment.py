"""The verdict on a review, and the evidence for it."""

import math
from itertools import takewhile

from bot.engine.primitives import Engine, TokenScore
from bot.errors import EmptyPrompt
from bot.questions.sentiment import (
    CONTENT_FREE,
    NEGATIVE_LABEL,
    POSITIVE_LABEL,
    Calibration,
    EvidenceQuestion,
    Sentiment,
    SentimentEvidence,
    SentimentLabel,
    SentimentQuestion,
    WordEvidence,
    sentiment_prompt,
    without,
    word_groups,
)


class SentimentReader:
    """Judges reviews with the reference notebook's prompt. The part before the review is computed once and cached."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._codec = engine.codec
        self._label_ids: tuple[int, ...] = ()
        pairs = zip(*(self._codec.ids(sentiment_prompt(review)) for review in ("good", "Bad")), strict=False)
        self._beginning = [id_ for id_, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]

    def judge(self, question: SentimentQuestion) -> Sentiment:
        """Return the verdict. Raises EmptyPrompt, PromptTooLong and SentimentUnsupported."""
        self._refuse_empty(question.review)
        return self._verdicts([question.review])[0]

    def explain(self, question: EvidenceQuestion) -> SentimentEvidence:
        """Return the verdict with its evidence. All prompts are computed together. Raises the errors of `judge`."""
        review = question.review
        self._refuse_empty(review)
        groups, together = word_groups(review)
        reduced = [without(review, start, end) for start, end in groups]
        whole, *others = self._verdicts([review, *CONTENT_FREE, *reduced])
        return SentimentEvidence(
            sentiment=whole,
            words=tuple(
                WordEvidence(start, end, review[start:end], whole.margin - other.margin)
                for (start, end), other in zip(groups, others[len(CONTENT_FREE) :], strict=True)
            ),
            words_together=together,
            calibration=_calibrated(whole, others[: len(CONTENT_FREE)]),
        )

    def _verdicts(self, reviews: list[str]) -> list[Sentiment]:
        labels = self._labels()
        texts = [self._ids(review) for review in reviews]
        scores = self._engine.score_next(texts, labels, beginning=self._beginning)
        return [_verdict(*parts) for parts in zip(reviews, texts, scores, strict=True)]

    def _refuse_empty(self, review: str) -> None:
        if not review.strip():
            raise EmptyPrompt("review", self._codec.prompt_limit - len(self._codec.ids(sentiment_prompt(""))))

    def _ids(self, review: str) -> list[int]:
        return self._codec.encode(sentiment_prompt(review), what="review with the question around it")

    def _labels(self) -> tuple[int, ...]:
        if not self._label_ids:  # every prompt has the same end, so one prompt gives the label ids for all
            prompt = sentiment_prompt("good")
            self._label_ids = tuple(self._codec.label_id(label, prompt) for label in (POSITIVE_LABEL, NEGATIVE_LABEL))
        return self._label_ids


def _verdict(review: str, input_ids: list[int], scores: tuple[TokenScore, ...]) -> Sentiment:
    """Return the verdict from the scores of both labels after the prompt."""
    positive, negative = scores
    label = _label(positive.score, negative.score)
    return Sentiment(
        review=review,
        label=label,
        positive_logit=positive.logit,
        negative_logit=negative.logit,
        positive_log_probability=positive.log_probability,
        negative_log_probability=negative.log_probability,
        positive_probability=_share(positive.score, negative.score),
        negative_probability=_share(negative.score, positive.score),
        label_mass=min(1.0, positive.probability + negative.probability),
        input_ids=tuple(input_ids),
        label_id=positive.id if label == "Positive" else negative.id,
    )


def _label(positive: float, negative: float) -> SentimentLabel:
    return "Positive" if positive > negative else "Negative"


def _share(own: float, other: float) -> float:
    """Return the softmax of `own` over both scores."""
    highest = max(own, other)
    return math.exp(own - highest) / (math.exp(own - highest) + math.exp(other - highest))


def _calibrated(verdict: Sentiment, content_free: list[Sentiment]) -> Calibration:
    """Return the verdict after contextual calibration, computed as in its authors' code."""
    free_positive, free_negative = _normalized(
        max(1e-300, sum(free.positive_probability * free.label_mass for free in content_free)),
        max(1e-300, sum(free.negative_probability * free.label_mass for free in content_free)),
    )
    positive, negative = _normalized(
        verdict.positive_probability / free_positive, verdict.negative_probability / free_negative
    )
    return Calibration(free_positive, free_negative, positive, negative, _label(positive, negative))


def _normalized(first: float, second: float) -> tuple[float, float]:
    return first / (first + second), second / (first + second)
