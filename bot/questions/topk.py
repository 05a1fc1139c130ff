"""The next token after a prompt, a walk along chosen tokens, and guesses of the next token."""

from dataclasses import dataclass, replace
from typing import ClassVar

from bot.questions.language_model import Question, RepeatableQuestion
from bot.questions.options import DEFAULT_K, given_or
from bot.questions.outcome import Outcome
from bot.questions.tokens import Likelihood, NextTokens, Token, TokenProbability


@dataclass(frozen=True, slots=True)
class WalkStep:
    """A token that was chosen on a walk, and its probability and rank there."""

    token: Token
    likelihood: Likelihood


@dataclass(frozen=True, slots=True)
class WalkCandidate:
    """A candidate for the next step. Its own rank and probability are at temperature 1."""

    candidate: TokenProbability
    probability_at_temperature: float


@dataclass(frozen=True, slots=True)
class Walk:
    """A prompt, the tokens chosen after it, and the most probable next ones, best first.

    `text` is what the chosen tokens add to the prompt. `ended` means that the last one is an end-of-text token.
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
        """The candidates, with their probabilities at temperature 1."""
        return NextTokens(self.prompt, self.input_ids, tuple(entry.candidate for entry in self.candidates))

    @property
    def remainder(self) -> float:
        """The probability of all other tokens together, at temperature 1."""
        return self.next_tokens.remainder


@dataclass(frozen=True, slots=True)
class TopKQuestion(RepeatableQuestion[Walk]):
    """The next token after a prompt and the ids of a walk."""

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
        candidates = [entry.candidate for entry in result.candidates]
        steps = [step.likelihood.log_probability for step in result.steps]
        input_ids = (*result.input_ids, *self.after_ids)
        figures = (*steps, *(candidate.probability for candidate in candidates))
        return Outcome(input_ids, (tuple(candidate.token.id for candidate in candidates),), figures)

    def then(self, id_: int) -> "TopKQuestion":
        """Return the question after one more token."""
        return replace(self, after_ids=(*self.after_ids, id_))


@dataclass(frozen=True, slots=True)
class SampledStepQuestion(Question[Walk]):
    """The next step of a walk, sampled with `seed` at the walk's temperature, and the candidates after it."""

    walk: TopKQuestion
    seed: int


@dataclass(frozen=True, slots=True)
class GuessQuestion(Question[TokenProbability]):
    """The first token of a guess after a prompt, and its probability."""

    prompt: str
    guess: str


@dataclass(frozen=True, slots=True)
class ScoredGuesses:
    """The model's own candidates, and the probability of each guess."""

    top: Walk
    guesses: tuple[TokenProbability, ...]


@dataclass(frozen=True, slots=True)
class RevealQuestion(Question[ScoredGuesses]):
    """The model's own `k` candidates after a prompt, and the scores of the tokens that were guessed."""

    prompt: str
    k: int
    guessed_ids: tuple[int, ...]

    @property
    def top(self) -> TopKQuestion:
        """The part that asks for the model's own candidates."""
        return TopKQuestion(self.prompt, self.k)
