"""Seals that hide guesses until the reveal, although anyone can read the message that holds them."""

import hashlib
from collections.abc import Iterable

from bot.errors import ReceiptUnusable
from bot.features.guess.record import GuessRound, SealedGuess
from bot.settings import Settings


def seal_key(settings: Settings) -> bytes:
    """Return the key for this installation's seals, derived from the bot token.

    The playground has no token, so anyone who knows this code can open its seals.
    """
    token = settings.discord_token
    return hashlib.sha256(b"" if token is None else token.get_secret_value().encode()).digest()


def seal_token(key: bytes, nonce: str, user: int, token_id: int) -> str:
    """Return a keyed hash of the guessed token. The same guess has a different hash for each person and round."""
    return _digest(_person_hash(key, nonce, user), token_id)


def open_seals(key: bytes, guess_round: GuessRound, vocab_size: int) -> list[int]:
    """Return the token ids of a round's guesses, by trying every token. Raises ReceiptUnusable if the key has changed.

    It takes up to 0.2 s per guess with 150,000 tokens.
    """
    return [_open_seal(key, guess_round.nonce, guess, range(vocab_size)) for guess in guess_round.guesses]


def _open_seal(key: bytes, nonce: str, guess: SealedGuess, ids: Iterable[int]) -> int:
    person_hash = _person_hash(key, nonce, guess.user)
    for id_ in ids:
        if _digest(person_hash, id_) == guess.seal:
            return id_
    raise ReceiptUnusable(
        "The bot's token has changed since this round, so its guesses can't be revealed. "
        "Start another round with /guess."
    )


def _person_hash(key: bytes, nonce: str, user: int) -> "hashlib.blake2b":
    return hashlib.blake2b(f"{nonce}:{user}:".encode(), key=key, digest_size=16, person=b"nightword guess")


def _digest(person_hash: "hashlib.blake2b", token_id: int) -> str:
    hashed = person_hash.copy()
    hashed.update(str(token_id).encode())
    return hashed.hexdigest()
