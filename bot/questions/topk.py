"""The next token after a prompt, a walk along the tokens chosen after it, and guesses of it."""

from dataclasses import dataclass, replace
from typing import ClassVar

from bot.questions.language_model import Question, RepeatableQuestion
from bot.questions.options import DEFAULT_K, given_or
from bot.questions.outcome import Outcome
from bot.questions.tokens import Likelihood, NextTokens, Token, TokenProbability


@dataclass(frozen=True, slots=True)
class WalkStep:
    """A token that was chosen on a walk, and what the model thought of it there."""

    token: Token
    likelihood: Likelihood


@dataclass(frozen=True, slots=True)
class WalkCandidate:
    """A candidate for the next step: rank and probability are the model's own, at temperature 1."""

    candidate: TokenProbability
    probability_at_temperature: float


@dataclass(frozen=True, slots=True)
class Walk:
    """A prompt, the tokens chosen after it, and the most probable next ones, best first.

    `text` is what the chosen tokens add to the prompt. `ended` says that the last of them ends the text.
    """

    prompt: str
    input_ids: tuple[int, ...]
    steps: tuple[WalkStep, ...]
    text: str
    temperature: float
    candidates: tuple[WalkCandidate, ...]
    ended: bool

    @property
    def log_probability(self) -> float:
        """The natural-log probability of the whole path after the prompt, at temperature 1."""
        return sum(step.likelihood.log_probability for step in self.steps)

    @property
    def next_tokens(self) -> NextTokens:
        """The candidates with the model's own probabilities."""
        return NextTokens(self.prompt, self.input_ids, tuple(one.candidate for one in self.candidates))

    @property
    def remainder(self) -> float:
        """The model's own probability of all tokens that are no candidates."""
        return self.next_tokens.remainder


@dataclass(frozen=True, slots=True)
class TopKQuestion(RepeatableQuestion[Walk]):
    """The next token after a prompt and the ids that a walk took after it."""

    command: ClassVar[str] = "topk"
    prompt: str
    k: int
    after_ids: tuple[int, ...] = ()
    temperature: float = 1.0

    @classmethod
    def from_options(
        cls, prompt: str, k: int | None = None, after_ids: tuple[int, ...] = (), temperature: float | None = None
    ) -> "TopKQuestion":
        """Fill in the defaults of a user's options."""
        return cls(prompt, given_or(k, DEFAULT_K), after_ids, given_or(temperature, 1.0))

    def outcome(self, result: Walk) -> Outcome:
        """Return the candidates, and the log-probability of each step."""
        candidates = [one.candidate for one in result.candidates]
        steps = [step.likelihood.log_probability for step in result.steps]
        read = (*result.input_ids, *self.after_ids)
        figures = (*steps, *(one.probability for one in candidates))
        return Outcome(read, (tuple(one.token.id for one in candidates),), figures)

    def then(self, id_: int) -> "TopKQuestion":
        """Return the question one token further."""
        return replace(self, after_ids=(*self.after_ids, id_))


@dataclass(frozen=True, slots=True)
class SampledStepQuestion(Question[Walk]):
    """The next step of a walk, drawn with `seed` at the walk's temperature, and what can follow it."""

    walk: TopKQuestion
    seed: int


@dataclass(frozen=True, slots=True)
class GuessQuestion(Question[TokenProbability]):
    """Which token a guess, as it was written, begins with after a prompt, and how probable it is."""

    prompt: str
    guess: str


@dataclass(frozen=True, slots=True)
class ScoredGuesses:
    """What the model would have said, and what it thought of each guess."""

    walk: Walk
    guesses: tuple[TokenProbability, ...]


@dataclass(frozen=True, slots=True)
class RevealQuestion(Question[ScoredGuesses]):
    """The model's own candidates after a prompt, and the scores of the tokens that were guessed."""

    top: TopKQuestion
    guessed_ids: tuple[int, ...]
