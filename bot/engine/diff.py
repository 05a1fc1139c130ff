"""One text under two models, of which only one is in memory: the first one's distributions wait in a file."""

import contextlib
import math
import tempfile
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bot.engine.primitives import Engine
from bot.engine.tokenizer import TextCodec
from bot.engine.xray import measurable_ids
from bot.errors import BotError, PromptTooLong
from bot.questions.diff import Diff, DiffQuestion, Divergence, Part, Reading, ReadingQuestion
from bot.questions.tokens import Likelihood, TokenProbability
from bot.questions.xray import Surprisals, TokenSurprisal

MOST_BYTES = 2**31  # of the file with the first model's distributions: 3,533 tokens of a vocabulary of 151,936

Row = NDArray[np.float32]


def read_text(engine: Engine, question: ReadingQuestion) -> Reading:
    """Return each token's likelihood, and keep the distributions in a file.

    Raises EmptyPrompt (also for a text of one token), PromptTooLong (also if the file would have more than `MOST_BYTES`
    bytes), TokenWithoutWeights, and BotError if the file can't be written.
    """
    codec, vocab_size = engine.codec, engine.info.vocab_size
    input_ids = measurable_ids(codec, question.text)
    most = MOST_BYTES // (vocab_size * np.dtype(np.float32).itemsize) + 1
    if len(input_ids) > most:
        raise PromptTooLong("text", len(input_ids), most, context=None, new_tokens=0)
    first, *rest = input_ids
    tokens = [_unpredicted(codec, first)]
    with _temporary_file_errors(), tempfile.TemporaryFile() as file:
        for id_, row in zip(rest, _rows(engine, input_ids), strict=True):
            file.write(row.data)
            tokens.append(_predicted(codec, id_, row))
        file.flush()
        # The file has no name, so it disappears with the array.
        kept: Row = np.memmap(file, np.float32, "r", shape=(len(rest), vocab_size))
    surprisals = Surprisals(question.text, tuple(tokens), codec.measured_characters(input_ids))
    return Reading(engine.info, surprisals, codec.ends(question.text), codec.vocabulary_hash(), kept)


def compare_with(engine: Engine, question: DiffQuestion) -> Diff:
    """Return how far this engine's model, b, is apart from a reading, a.

    Raises EmptyPrompt (also for a text of one token), PromptTooLong and TokenWithoutWeights.
    """
    first, codec, text = question.first, engine.codec, question.first.surprisals.text
    input_ids = measurable_ids(codec, text)
    has_same_tokens = [entry.token for entry in first.surprisals.tokens] == [codec.token(id_) for id_ in input_ids]
    no_divergence = _no_divergence(first, engine, has_same_tokens=has_same_tokens)
    tokens = [_unpredicted(codec, input_ids[0])]
    divergences: list[Divergence | None] = [None]
    for position, row in enumerate(_rows(engine, input_ids)):
        tokens.append(_predicted(codec, input_ids[position + 1], row))
        divergences.append(None if no_divergence else _divergence(first.distributions[position], row))
    surprisals = Surprisals(text, tuple(tokens), codec.measured_characters(input_ids))
    if has_same_tokens:
        parts = _token_parts(first.surprisals, surprisals, divergences)
    else:
        parts = _common_parts(first.surprisals, first.ends, surprisals, codec.ends(text))
    return Diff(first.model, engine.info, first.surprisals, surprisals, parts, has_same_tokens, no_divergence)


def _rows(engine: Engine, input_ids: list[int]) -> Iterator[Row]:
    """Yield the log-probabilities after each of `input_ids` but the last."""
    for rows in engine.log_probabilities_after_each(input_ids[:-1]):
        yield from rows


def _unpredicted(codec: TextCodec, id_: int) -> TokenSurprisal:
    return TokenSurprisal(codec.token(id_), None, (), codec.is_special(id_))


def _predicted(codec: TextCodec, id_: int, row: Row) -> TokenSurprisal:
    """Return a token with its likelihood in `row`, and the most probable token there."""
    best = int(row.argmax())
    own, most = min(0.0, float(row[id_])), min(0.0, float(row[best]))
    favourite = TokenProbability(1, codec.token(best), None, math.exp(most), most)
    likelihood = Likelihood(own, int((row > row[id_]).sum()) + 1)
    return TokenSurprisal(codec.token(id_), likelihood, (favourite,), codec.is_special(id_))


def _divergence(first: Row, second: Row) -> Divergence:
    a, b = first.astype(np.float64), second.astype(np.float64)
    ratios = a - b
    return Divergence(_bits(float(np.exp(a) @ ratios)), _bits(float(np.exp(b) @ -ratios)))


def _bits(nats: float) -> float:
    """Return bits. Rounding can make the divergence of almost equal distributions negative."""
    return max(0.0, nats) / math.log(2)


def _no_divergence(first: Reading, engine: Engine, *, has_same_tokens: bool) -> str:
    """Return why the two models' distributions can't be compared, or ""."""
    if first.model.vocab_size != engine.info.vocab_size:
        return f"the vocabularies have {first.model.vocab_size:,} and {engine.info.vocab_size:,} tokens"
    if first.vocabulary != engine.codec.vocabulary_hash():
        return "the vocabularies have different tokens"
    return "" if has_same_tokens else "the tokenizers split the text differently"


def _token_parts(a: Surprisals, b: Surprisals, divergences: Sequence[Divergence | None]) -> tuple[Part, ...]:
    return tuple(
        Part(
            entry.token.text,
            (position,),
            (position,),
            _measured_bits(a, (position,)),
            _measured_bits(b, (position,)),
            entry.favourites[0] if entry.favourites else None,
            other.favourites[0] if other.favourites else None,
            divergence,
        )
        for position, (entry, other, divergence) in enumerate(zip(a.tokens, b.tokens, divergences, strict=True))
    )


def _common_parts(
    a: Surprisals, ends_a: Sequence[int | None], b: Surprisals, ends_b: Sequence[int | None]
) -> tuple[Part, ...]:
    """Divide the text wherever a token of both models ends."""
    parts: list[Part] = []
    length, start = len(a.text), 0
    for end in sorted({end for end in ends_a if end and end in ends_b} | {length}):
        is_last = end == length
        tokens_a, tokens_b = (_tokens_within(ends, start, end, is_last=is_last) for ends in (ends_a, ends_b))
        bits_a, bits_b = _measured_bits(a, tokens_a), _measured_bits(b, tokens_b)
        parts.append(Part(a.text[start:end], tokens_a, tokens_b, bits_a, bits_b))
        start = end
    return tuple(parts)


def _tokens_within(ends: Sequence[int | None], start: int, end: int, *, is_last: bool) -> tuple[int, ...]:
    """Return the positions of the tokens that begin in `start` to `end`. The last part also has those at its end."""
    found, begin = [], 0
    for position, complete in enumerate(ends):
        if complete is not None:
            if start <= begin < end or (is_last and begin == end):
                found.append(position)
            begin = complete
    return tuple(found)


def _measured_bits(surprisals: Surprisals, positions: Sequence[int]) -> float | None:
    """Return the sum of the surprisals, or None if one of the tokens is not measured or there are none."""
    entries = [surprisals.tokens[position] for position in positions]
    likelihoods = [entry.likelihood for entry in entries if entry.likelihood is not None and entry.is_measured]
    if not likelihoods or len(likelihoods) < len(entries):
        return None
    return sum(likelihood.surprisal for likelihood in likelihoods)


@contextlib.contextmanager
def _temporary_file_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        problem = f"The first model's probabilities could not be kept in a temporary file: {error.strerror}"
        raise BotError(f"{problem}. Set TMPDIR to a folder with more room, or shorten the text.") from None
