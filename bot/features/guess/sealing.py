"""Guesses that nobody can read before the reveal, though the file that holds them is there for everyone."""

import hashlib
from collections.abc import Iterable

from bot.errors import ReceiptUnusable
from bot.features.guess.record import GuessRound, SealedGuess
from bot.settings import Settings


def seal_key(settings: Settings) -> bytes:
    """Return the key of this installation's seals: who does not know its bot token cannot open one.

    The playground has no token, so that its seals hide nothing from who knows this code.
    """
    token = settings.discord_token
    return hashlib.sha256(b"" if token is None else token.get_secret_value().encode()).digest()


def sealed(key: bytes, nonce: str, user: int, token_id: int) -> str:
    """Return a keyed hash of the token that `user` guessed: the same guess looks another for each person and round."""
    return _digest(_of_person(key, nonce, user), token_id)


def unsealed(key: bytes, asked: GuessRound, vocab_size: int) -> list[int]:
    """Return the ids of a round's guesses: each by trying every token. Raises ReceiptUnusable under another key.

    It takes up to 0.2 s a guess for 150,000 tokens.
    """
    return [_opened(key, asked.nonce, guess, range(vocab_size)) for guess in asked.guesses]


def _opened(key: bytes, nonce: str, guess: SealedGuess, ids: Iterable[int]) -> int:
    of_person = _of_person(key, nonce, guess.user)
    for id_ in ids:
        if _digest(of_person, id_) == guess.seal:
            return id_
    raise ReceiptUnusable(
        "The guesses of this round were sealed under another bot token and cannot be opened any more. "
        "Open another round with /guess."
    )


def _of_person(key: bytes, nonce: str, user: int) -> "hashlib.blake2b":
    return hashlib.blake2b(f"{nonce}:{user}:".encode(), key=key, digest_size=16, person=b"nightword guess")


def _digest(of_person: "hashlib.blake2b", token_id: int) -> str:
    hashed = of_person.copy()
    hashed.update(str(token_id).encode())
    return hashed.hexdigest()
