"""One prompt continued with several strategies, and the tree of a beam search."""

import random
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from bot.questions.continuation import Continuation
from bot.questions.language_model import RepeatableQuestion
from bot.questions.options import (
    COMPARED_TOKENS,
    DEFAULT_BEAM_PENALTY,
    DEFAULT_NEW_TOKENS,
    DEFAULT_NUM_BEAMS,
    MAX_COMPARED_TOKENS,
    MAX_SEED,
    given_or,
)
from bot.questions.outcome import Outcome
from bot.questions.tokens import Token

Fate = Literal["kept", "pruned", "finished"]


@dataclass(frozen=True, slots=True)
class ComparedText:
    """A continuation and its probability.

    `log_probability` is the sum over the new tokens of the model's natural-log probabilities, at temperature 1 and
    without penalty. `search_score` is the score that beam search ranked the text by (transformers' `sequences_scores`):
    the sum of the log-probabilities after the repetition penalty, divided by the number of new tokens to the power of
    length_penalty, which is 1. Without a penalty it equals `mean_log_probability`; None for other strategies.
    """

    continuation: Continuation
    log_probability: float
    search_score: float | None

    @property
    def name(self) -> str:
        """The strategy, with the repetition penalty if it is not 1."""
        parameters = self.continuation.parameters
        if parameters.repetition_penalty == 1.0:
            return parameters.strategy
        return f"{parameters.strategy}, repetition_penalty {parameters.repetition_penalty:g}"

    @property
    def mean_log_probability(self) -> float:
        """The log-probability divided by the number of new tokens."""
        return self.log_probability / len(self.continuation.output_ids)

    @property
    def distinct_share(self) -> float:
        """Distinct new tokens divided by new tokens: 1 if no token is repeated."""
        return len(set(self.continuation.output_ids)) / len(self.continuation.output_ids)


@dataclass(frozen=True, slots=True)
class BeamCandidate:
    """A beam extended by one token. `parent` is the row of that beam before the step.

    `log_probability` is the token's, and `score` is the sum for all new tokens so far; both are natural logarithms. A
    kept candidate continues in `row`. A finished one ended with an end-of-text token or at the last step.
    """

    parent: int
    token: Token
    log_probability: float
    score: float
    fate: Fate
    row: int | None


@dataclass(frozen=True, slots=True)
class BeamStep:
    """The candidates of one step, best first. Before the first step there is one beam, the prompt, in row 0.

    The search considers (1 + number of end-of-text tokens) × num_beams candidates, and at least 2 × num_beams.
    """

    candidates: tuple[BeamCandidate, ...]

    @property
    def kept(self) -> tuple[BeamCandidate, ...]:
        """The kept candidates, in the order of their rows."""
        running = [(candidate.row, candidate) for candidate in self.candidates if candidate.row is not None]
        return tuple(candidate for _, candidate in sorted(running, key=lambda pair: pair[0]))


@dataclass(frozen=True, slots=True)
class BeamTree:
    """The steps of a beam search. `winner` has the winning candidate's index in each step, up to its last token."""

    num_beams: int
    steps: tuple[BeamStep, ...]
    winner: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A prompt continued greedily, by sampling, by beam search, and by beam search with a repetition penalty.

    With a penalty of 1 there are only three texts, because the fourth would equal the third. `tree` is the third's.
    """

    prompt: str
    texts: tuple[ComparedText, ...]
    tree: BeamTree


@dataclass(frozen=True, slots=True)
class ComparisonQuestion(RepeatableQuestion[Comparison]):
    """How several strategies continue a prompt."""

    command: ClassVar[str] = "compare"
    prompt: str
    max_new_tokens: int
    seed: int
    num_beams: int
    repetition_penalty: float

    @classmethod
    def from_options(
        cls,
        prompt: str,
        *,
        max_new_tokens: int | None = None,
        seed: int | None = None,
        num_beams: int | None = None,
        repetition_penalty: float | None = None,
        max_new_tokens_limit: int = MAX_COMPARED_TOKENS,
    ) -> "ComparisonQuestion":
        """Fill in the defaults of a user's options; a missing seed is random. Raises OptionOutOfRange."""
        limit = min(MAX_COMPARED_TOKENS, max_new_tokens_limit)
        new_tokens = given_or(max_new_tokens, min(DEFAULT_NEW_TOKENS, limit))
        replace(COMPARED_TOKENS, largest=limit).check(new_tokens)
        return cls(
            prompt,
            new_tokens,
            given_or(seed, random.randint(0, MAX_SEED)),
            given_or(num_beams, DEFAULT_NUM_BEAMS),
            given_or(repetition_penalty, DEFAULT_BEAM_PENALTY),
        )

    @property
    def max_steps(self) -> int:
        """One for each new token of each text, which are written one after another."""
        return self.max_new_tokens * (3 if self.repetition_penalty == 1.0 else 4)

    def outcome(self, result: Comparison) -> Outcome:
        """Return each text's new ids, its log-probability and its search score."""
        scores = [score for text in result.texts for score in (text.log_probability, text.search_score)]
        return Outcome(
            result.texts[0].continuation.input_ids,
            tuple(text.continuation.output_ids for text in result.texts),
            tuple(score for score in scores if score is not None),
        )
