"""A round of guesses as its message holds it: a small JSON file, in which each guess is sealed until the reveal."""

import json
from dataclasses import asdict, dataclass, replace

from bot.answers.receipt import AnsweredBy, read_file
from bot.questions.language_model import ModelInfo
from bot.questions.tokens import NextTokens, TokenProbability
from bot.rendering.json_objects import JsonObject

GUESS = "guess.json"


@dataclass(frozen=True, slots=True)
class SealedGuess:
    """Who guessed, and a seal over the token."""

    user: int
    name: str
    seal: str


@dataclass(frozen=True, slots=True)
class GuessRound:
    """An open round so far, with one guess a person. `nonce` makes its seals its own.

    `favourite_probability` is that of the model's most probable token.
    """

    prompt: str
    opener: int  # the user's id
    nonce: str
    favourite_probability: float
    guesses: tuple[SealedGuess, ...] = ()

    def guess_of(self, user: int) -> SealedGuess | None:
        """Return the guess of a user, by id."""
        return next((guess for guess in self.guesses if guess.user == user), None)

    def with_guess(self, guess: SealedGuess) -> "GuessRound":
        """Return the round with a guess, in the place of that person's earlier one."""
        if self.guess_of(guess.user) is None:
            return replace(self, guesses=(*self.guesses, guess))
        return replace(self, guesses=tuple(guess if one.user == guess.user else one for one in self.guesses))


@dataclass(frozen=True, slots=True)
class ScoredGuess:
    """A guess when it is revealed: whose it is, and the model's own rank and probability of its token."""

    user: int
    name: str
    token: TokenProbability


@dataclass(frozen=True, slots=True)
class Reveal:
    """What the model would have said, and all guesses, the best first."""

    top: NextTokens
    guesses: tuple[ScoredGuess, ...]

    @classmethod
    def of(cls, asked: GuessRound, tokens: tuple[TokenProbability, ...], top: NextTokens) -> "Reveal":
        """Return the guesses of a round, whose tokens are `tokens`, in order; who was earlier stands before equals."""
        guesses = [ScoredGuess(one.user, one.name, token) for one, token in zip(asked.guesses, tokens, strict=True)]
        return cls(top, tuple(sorted(guesses, key=lambda one: one.token.rank)))

    def points(self, guess: ScoredGuess) -> int:
        """Return 100 × the token's probability ÷ that of the model's favourite."""
        return round(100 * guess.token.probability / self.top.candidates[0].probability)

    def place(self, guess: ScoredGuess) -> int:
        """Return the place on the scoreboard, from 1; the same token has the same place."""
        return 1 + sum(other.token.rank < guess.token.rank for other in self.guesses)


def write_round(asked: GuessRound, model: ModelInfo) -> str:
    """Return what `read_round` reads: the round, its guesses sealed."""
    found = {
        "command": "guess",
        "model": asdict(AnsweredBy.of(model)),
        "prompt": asked.prompt,
        "opener": str(asked.opener),  # JavaScript rounds numbers of 19 digits
        "nonce": asked.nonce,
        "favourite_probability": asked.favourite_probability,
        "guesses": [{"user": str(one.user), "name": one.name, "seal": one.seal} for one in asked.guesses],
    }
    return json.dumps(found, ensure_ascii=False, allow_nan=False)


def reveal_state(reveal: Reveal) -> JsonObject:
    """Return what the receipt of a reveal holds besides its question: the scoreboard."""
    scores = [
        {
            "user": str(one.user),
            "name": one.name,
            "id": one.token.token.id,
            "token": one.token.token.text,
            "probability": one.token.probability,
            "rank": one.token.rank,
            "points": reveal.points(one),
        }
        for one in reveal.guesses
    ]
    return {"scores": scores}


@dataclass(frozen=True, slots=True)
class _Writer:
    """Who wrote the file of a round."""

    model: AnsweredBy


def read_round(text: str) -> tuple[GuessRound, AnsweredBy]:
    """Return a round, and the model that answered. Raises ValueError where `text` is no round."""
    return read_file(GuessRound, text, "a round"), read_file(_Writer, text, "a round").model
