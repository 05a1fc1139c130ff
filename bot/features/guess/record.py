"""The state of a round, stored as JSON in its message. Each guess is sealed until the reveal."""

import json
from dataclasses import asdict, dataclass, replace

from bot.questions.language_model import ModelInfo
from bot.questions.tokens import NextTokens, TokenProbability
from bot.receipts.receipt import AnsweredBy, read_file
from bot.rendering.json_objects import JsonObject

GUESS = "guess.json"


@dataclass(frozen=True, slots=True)
class SealedGuess:
    """A person's guess: user id, name, and the seal of the token."""

    user: int
    name: str
    seal: str


@dataclass(frozen=True, slots=True)
class GuessRound:
    """An open round, with one guess per person. `nonce` makes its seals unique.

    `favourite_probability` is the probability of the model's most probable token.
    """

    prompt: str
    opener: int  # the user's id
    nonce: str
    favourite_probability: float
    guesses: tuple[SealedGuess, ...] = ()

    def guess_of(self, user: int) -> SealedGuess | None:
        """Return the guess of the user with this id, or None."""
        return next((guess for guess in self.guesses if guess.user == user), None)

    def with_guess(self, guess: SealedGuess) -> "GuessRound":
        """Return the round with `guess`, which replaces the person's earlier one."""
        if self.guess_of(guess.user) is None:
            return replace(self, guesses=(*self.guesses, guess))
        return replace(self, guesses=tuple(guess if other.user == guess.user else other for other in self.guesses))


@dataclass(frozen=True, slots=True)
class ScoredGuess:
    """A revealed guess: the person, and the rank and probability of its token."""

    user: int
    name: str
    token: TokenProbability


@dataclass(frozen=True, slots=True)
class Reveal:
    """The model's own candidates, and all guesses, best first."""

    top: NextTokens
    guesses: tuple[ScoredGuess, ...]

    @classmethod
    def of(cls, guess_round: GuessRound, tokens: tuple[TokenProbability, ...], top: NextTokens) -> "Reveal":
        """Return the scoreboard of a round; `tokens` are those of its guesses. Earlier guesses come first in a tie."""
        guesses = [
            ScoredGuess(guess.user, guess.name, token) for guess, token in zip(guess_round.guesses, tokens, strict=True)
        ]
        return cls(top, tuple(sorted(guesses, key=lambda guess: guess.token.rank)))

    def points(self, guess: ScoredGuess) -> int:
        """Return 100 × the token's probability ÷ that of the model's favourite."""
        return round(100 * guess.token.probability / self.top.candidates[0].probability)

    def place(self, guess: ScoredGuess) -> int:
        """Return the place on the scoreboard, from 1. Equal tokens share a place."""
        return 1 + sum(other.token.rank < guess.token.rank for other in self.guesses)


def write_round(guess_round: GuessRound, model: ModelInfo) -> str:
    """Return the round with sealed guesses as JSON, for `read_round`."""
    fields = {
        "command": "guess",
        "model": asdict(AnsweredBy.of(model)),
        "prompt": guess_round.prompt,
        "opener": str(guess_round.opener),  # JavaScript rounds numbers of 19 digits
        "nonce": guess_round.nonce,
        "favourite_probability": guess_round.favourite_probability,
        "guesses": [{"user": str(guess.user), "name": guess.name, "seal": guess.seal} for guess in guess_round.guesses],
    }
    return json.dumps(fields, ensure_ascii=False, allow_nan=False)


def reveal_state(reveal: Reveal) -> JsonObject:
    """Return the scoreboard for the receipt of a reveal, without the people."""
    scores = [
        {
            "id": guess.token.token.id,
            "token": guess.token.token.text,
            "probability": guess.token.probability,
            "rank": guess.token.rank,
            "points": reveal.points(guess),
        }
        for guess in reveal.guesses
    ]
    return {"scores": scores}


@dataclass(frozen=True, slots=True)
class _Writer:
    """The part of the file that names the model."""

    model: AnsweredBy


def read_round(text: str) -> tuple[GuessRound, AnsweredBy]:
    """Return a round and the model that answered. Raises ValueError if `text` is not a round."""
    return read_file(GuessRound, text, "a round of /guess"), read_file(_Writer, text, "a round of /guess").model
