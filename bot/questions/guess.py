"""Guesses of the next token."""

from dataclasses import dataclass

from bot.questions.question import Question
from bot.questions.tokens import TokenProbability
from bot.questions.topk import TopKQuestion, Walk


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
