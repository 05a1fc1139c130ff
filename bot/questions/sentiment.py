"""A zero-shot sentiment verdict, the effect of each word on it, and the prompt."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from bot.errors import BotError
from bot.questions.decision import Decision
from bot.questions.evidence import WordEvidence
from bot.questions.language_model import Question, RepeatableQuestion
from bot.questions.outcome import Outcome

SentimentLabel = Literal["Positive", "Negative"]
# The reference notebook's prompt and labels.
SENTIMENT = Decision(
    "template",
    "Question: Is the following review positive or\n    negative about the movie?\n    Review: {text} Answer:",
    (" positive", " negative"),
)


@dataclass(frozen=True, slots=True)
class Sentiment:
    """A zero-shot verdict and its evidence.

    The two probabilities are normalised over the labels and add up to 1. `label_mass` is the probability of both
    labels over the whole vocabulary: the lower it is, the less reliable the verdict. `input_ids` are the ids of the
    whole prompt, and `label_id` is the label's token. The logits are None if the engine doesn't know them.
    """

    review: str
    label: SentimentLabel
    positive_logit: float | None
    negative_logit: float | None
    positive_log_probability: float
    negative_log_probability: float
    positive_probability: float
    negative_probability: float
    label_mass: float
    input_ids: tuple[int, ...]
    label_id: int

    @property
    def scores(self) -> tuple[float, float]:
        """The labels' logits, or their log-probabilities if there are no logits: positive, then negative."""
        if self.positive_logit is None or self.negative_logit is None:
            return self.positive_log_probability, self.negative_log_probability
        return self.positive_logit, self.negative_logit

    @property
    def margin(self) -> float:
        """The logit of " positive" minus the logit of " negative". Log-probabilities differ by the same."""
        positive, negative = self.scores
        return positive - negative


@dataclass(frozen=True, slots=True)
class Calibration:
    """The verdict after contextual calibration (Zhao et al. 2021, "Calibrate Before Use").

    `content_free_positive` is P(positive) for reviews without content: the mean of both labels' probabilities over
    `CONTENT_FREE`, scaled to add up to 1. The calibrated probabilities are the review's probabilities divided by these
    and scaled again (W diagonal, b = 0).
    """

    content_free_positive: float
    content_free_negative: float
    positive_probability: float
    negative_probability: float
    label: SentimentLabel


@dataclass(frozen=True, slots=True)
class SentimentEvidence:
    """The raw verdict, the effect of each word on it, and the calibrated verdict.

    Words end at white space and include punctuation. `words_together` adjacent words are left out at a time: 1, or
    more if the review has more than `MAX_GROUPS` words.
    """

    sentiment: Sentiment
    words: tuple[WordEvidence, ...]
    words_together: int
    calibration: Calibration

    @property
    def margin(self) -> float:
        """The logit of " positive" minus the logit of " negative"."""
        return self.sentiment.margin


@dataclass(frozen=True, slots=True)
class SentimentQuestion(RepeatableQuestion[Sentiment]):
    """The verdict on a review."""

    command: ClassVar[str] = "sentiment"
    review: str

    def outcome(self, result: Sentiment) -> Outcome:
        """Return the label's token, both logits (or log-probabilities) and the label mass."""
        figures = (*result.scores, result.label_mass)
        return Outcome(result.input_ids, ((result.label_id,),), figures)


@dataclass(frozen=True, slots=True)
class SentimentBatchQuestion(Question[tuple[Sentiment | BotError, ...]]):
    """The verdict on each of many reviews. A review that can't be judged has its error as the result."""

    reviews: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EvidenceQuestion(RepeatableQuestion[SentimentEvidence]):
    """The verdict on a review, and the effect of each word on it."""

    command: ClassVar[str] = "explain"
    review: str

    def outcome(self, result: SentimentEvidence) -> Outcome:
        """Return the label's token, the calibrated probability, and each word's effect."""
        figures = (result.calibration.positive_probability, *(word.effect for word in result.words))
        return Outcome(result.sentiment.input_ids, ((result.sentiment.label_id,),), figures)
