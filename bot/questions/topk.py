"""The next token after a prompt, and a walk along the tokens chosen after it."""

from dataclasses import dataclass

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
