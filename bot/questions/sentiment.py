"""A zero-shot sentiment verdict, what each word did to it, and the prompt that asks for it."""

import math
import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from bot.questions.language_model import RepeatableQuestion
from bot.questions.outcome import Outcome

SentimentLabel = Literal["Positive", "Negative"]
MAX_GROUPS = 64  # of adjacent words, each left out once
CONTENT_FREE = ("N/A", "", "[MASK]")  # reviews that say nothing (Zhao et al. 2021, section 5)
_WORD = re.compile(r"\S+")
_BEFORE = "Question: Is the following review positive or\n    negative about the movie?\n    Review: "
_AFTER = " Answer:"
POSITIVE_LABEL = " positive"
NEGATIVE_LABEL = " negative"


@dataclass(frozen=True, slots=True)
class Sentiment:
    """A zero-shot verdict and its evidence.

    The probabilities are between the two labels and add up to 1; `label_mass` is the probability of both labels over
    the whole vocabulary, which says how far the verdict can be trusted. `input_ids` are those of the review with the
    question around it, and `label_id` is the label's token.
    """

    review: str
    label: SentimentLabel
    positive_logit: float
    negative_logit: float
    positive_probability: float
    negative_probability: float
    label_mass: float
    input_ids: tuple[int, ...]
    label_id: int


@dataclass(frozen=True, slots=True)
class WordEvidence:
    """A word of the review, or several adjacent ones, at `text[start:end]`.

    `effect` is the margin (the logit of " positive" minus that of " negative") of the whole review minus the margin
    of the review without these words: above 0 they speak for positive, below for negative.
    """

    start: int
    end: int
    text: str
    effect: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The verdict after contextual calibration (Zhao et al. 2021, "Calibrate Before Use").

    `content_free_positive` is the probability of positive between the two labels for reviews that say nothing: the
    mean of both labels' probabilities over `CONTENT_FREE`, scaled to add up to 1. Dividing the review's probabilities
    by it and scaling them again gives the calibrated ones (W diagonal, b = 0).
    """

    content_free_positive: float
    content_free_negative: float
    positive_probability: float
    negative_probability: float
    label: SentimentLabel


@dataclass(frozen=True, slots=True)
class SentimentEvidence:
    """A verdict, which stays the raw one, with each word's part in it and the calibrated verdict beside it.

    Words end at white space and keep their punctuation. `words_together` adjacent ones are left out at a time: 1, or
    more where the review has more than `MAX_GROUPS` words.
    """

    sentiment: Sentiment
    words: tuple[WordEvidence, ...]
    words_together: int
    calibration: Calibration

    @property
    def margin(self) -> float:
        """The logit of " positive" minus that of " negative"."""
        return self.sentiment.positive_logit - self.sentiment.negative_logit


@dataclass(frozen=True, slots=True)
class SentimentQuestion(RepeatableQuestion[Sentiment]):
    """The verdict on a review."""

    command: ClassVar[str] = "sentiment"
    review: str

    def outcome(self, result: Sentiment) -> Outcome:
        """Return the label's token, both logits and the label mass."""
        figures = (result.positive_logit, result.negative_logit, result.label_mass)
        return Outcome(result.input_ids, ((result.label_id,),), figures)


@dataclass(frozen=True, slots=True)
class EvidenceQuestion(RepeatableQuestion[SentimentEvidence]):
    """The verdict on a review, and what each word did to it."""

    command: ClassVar[str] = "explain"
    review: str

    def outcome(self, result: SentimentEvidence) -> Outcome:
        """Return the label's token, the calibrated probability, and each word's effect."""
        figures = (result.calibration.positive_probability, *(word.effect for word in result.words))
        return Outcome(result.sentiment.input_ids, ((result.sentiment.label_id,),), figures)


def word_groups(review: str, most: int = MAX_GROUPS) -> tuple[list[tuple[int, int]], int]:
    """Return start and end of each word, or of as few adjacent words as make at most `most` groups, and how many."""
    words = [match.span() for match in _WORD.finditer(review)]
    together = max(1, math.ceil(len(words) / most))
    groups = [words[first : first + together] for first in range(0, len(words), together)]
    return [(group[0][0], group[-1][1]) for group in groups], together


def without(review: str, start: int, end: int) -> str:
    """Return `review` without `review[start:end]` and the white space after it, or before it where it stands last."""
    before, after = review[:start], review[end:]
    if after.strip():
        return before + after.lstrip()
    return before.rstrip() + after if before.strip() else before + after


def sentiment_prompt(review: str) -> str:
    """Return the prompt with `review` inserted as it came."""
    return f"{_BEFORE}{review}{_AFTER}"
