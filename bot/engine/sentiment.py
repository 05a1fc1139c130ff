"""The verdict on a review, and the evidence for it: the reference notebook's question, asked as a decision."""

from bot.engine.decision import DecisionReader
from bot.engine.primitives import Engine
from bot.errors import BotError, LabelsUnsupported, SentimentUnsupported, TokenWithoutWeights
from bot.questions.decision import DecisionReading
from bot.questions.sentiment import (
    SENTIMENT,
    Calibration,
    EvidenceQuestion,
    Sentiment,
    SentimentBatchQuestion,
    SentimentEvidence,
    SentimentLabel,
    SentimentQuestion,
)

_POSITIVE, _NEGATIVE = SENTIMENT.labels


class SentimentReader:
    """Judges reviews with the reference notebook's prompt."""

    def __init__(self, engine: Engine, decisions: DecisionReader) -> None:
        self._engine = engine
        self._decisions = decisions

    def judge(self, question: SentimentQuestion) -> Sentiment:
        """Return the verdict. Raises EmptyPrompt, PromptTooLong and SentimentUnsupported."""
        self._check(question.review)
        (reading,) = self._decisions.read_all(SENTIMENT, [question.review], what="review")
        return _verdict(question.review, reading)

    def judge_batch(self, question: SentimentBatchQuestion) -> tuple[Sentiment | BotError, ...]:
        """Return the verdict on each review, or the error of one that can't be judged. Raises SentimentUnsupported."""
        self._check_labels()
        readings = self._decisions.read_each(SENTIMENT, question.reviews, what="review")
        return tuple(
            reading if isinstance(reading, BotError) else _verdict(review, reading)
            for review, reading in zip(question.reviews, readings, strict=True)
        )

    def explain(self, question: EvidenceQuestion) -> SentimentEvidence:
        """Return the verdict with its evidence. All prompts are computed together. Raises the errors of `judge`."""
        self._check(question.review)
        evidence = self._decisions.evidence(SENTIMENT, question.review, _POSITIVE, what="review")
        free_positive, free_negative = evidence.calibration.content_free
        positive, negative = evidence.calibration.probabilities
        return SentimentEvidence(
            sentiment=_verdict(question.review, evidence.reading),
            words=evidence.words,
            words_together=evidence.words_together,
            calibration=Calibration(free_positive, free_negative, positive, negative, _label(positive, negative)),
        )

    def _check(self, review: str) -> None:
        self._decisions.refuse_empty(SENTIMENT, review, what="review")
        self._check_labels()

    def _check_labels(self) -> None:
        if not self._are_labels_single_tokens():
            codec, prompt = self._engine.codec, SENTIMENT.prompt("good")
            pieces = {label: codec.following_ids(prompt, label) for label in SENTIMENT.labels}
            label, ids = max(pieces.items(), key=lambda item: len(item[1]))
            raise SentimentUnsupported(self._engine.info.short_name, label, [codec.token(id_).text for id_ in ids])

    def _are_labels_single_tokens(self) -> bool:
        try:
            return all(len(ids) == 1 for ids in self._decisions.label_ids(SENTIMENT))
        except (LabelsUnsupported, TokenWithoutWeights):
            return False


def _verdict(review: str, reading: DecisionReading) -> Sentiment:
    positive, negative = reading.labels
    own, other = [score.log_probability if score.logit is None else score.logit for score in (positive, negative)]
    label = _label(own, other)
    return Sentiment(
        review=review,
        label=label,
        positive_logit=positive.logit,
        negative_logit=negative.logit,
        positive_log_probability=positive.log_probability,
        negative_log_probability=negative.log_probability,
        positive_probability=positive.probability,
        negative_probability=negative.probability,
        label_mass=reading.label_mass,
        input_ids=reading.input_ids,
        label_id=(positive if label == "Positive" else negative).ids[0],
    )


def _label(positive: float, negative: float) -> SentimentLabel:
    return "Positive" if positive > negative else "Negative"
