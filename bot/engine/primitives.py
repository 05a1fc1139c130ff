"""The interface of an engine: a few operations on token ids, from which every question is answered."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bot.engine.tokenizer import TextCodec
from bot.questions.comparison import BeamTree
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import ModelInfo
from bot.questions.tokens import Likelihood, TokenProbability

OTHERS = 3  # tokens that are known in the place of each new one


@dataclass(frozen=True, slots=True)
class TokenScore:
    """A possible next token. `probability` is over the whole vocabulary.

    `log_probability` is the natural logarithm. It is computed separately, because `probability` can underflow to 0.
    `logit` is None if the engine doesn't know it.
    """

    id: int
    logit: float | None
    probability: float
    log_probability: float

    @property
    def score(self) -> float:
        """The logit, or the log-probability if there is no logit. Differences of both are the same."""
        return self.log_probability if self.logit is None else self.logit


@dataclass(frozen=True, slots=True)
class RankedScore(TokenScore):
    """A possible next token with its rank, from 1."""

    rank: int


@dataclass(frozen=True, slots=True)
class NextScores:
    """Scores of next tokens at one position: the most probable ones, best first, and those that the caller chose.

    `at_temperature` has the probabilities of `top` at the temperature that the caller asked for.
    """

    top: tuple[RankedScore, ...]
    chosen: tuple[RankedScore, ...]
    at_temperature: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """A new token of a text, and the `OTHERS` most probable other tokens in its place, best first.

    The probabilities are the model's own, before any penalty and at temperature 1.
    """

    token: TokenScore
    others: tuple[TokenScore, ...]

    @classmethod
    def among(cls, top: Iterable[TokenScore], token: TokenScore) -> "TokenChoice":
        """Return the choice of `token` from the most probable tokens, best first: more than `OTHERS`."""
        return cls(token, tuple(score for score in top if score.id != token.id)[:OTHERS])


@dataclass(frozen=True, slots=True)
class Written:
    """The output ids of a text, and the choices of those that are new."""

    output_ids: list[int]
    choices: list[TokenChoice]


def candidates(scores: Iterable[RankedScore], codec: TextCodec) -> tuple[TokenProbability, ...]:
    """Return tokens with their texts, in the order of `scores`."""
    return tuple(
        TokenProbability(score.rank, codec.token(score.id), score.logit, score.probability, score.log_probability)
        for score in scores
    )


def likelihood(score: RankedScore) -> Likelihood:
    """Return the log probability and rank that the model gave a token."""
    return Likelihood(score.log_probability, score.rank)


def repeating_ids(input_ids: Sequence[int], size: int) -> set[int]:
    """Return the ids with which a sequence of `size` ids would be in the text a second time."""
    prefix = tuple(input_ids[len(input_ids) + 1 - size :])
    starts = range(len(input_ids) - size + 1)
    return {input_ids[start + size - 1] for start in starts if tuple(input_ids[start : start + size - 1]) == prefix}


@dataclass(frozen=True, slots=True)
class Search:
    """The result of a beam search. `score` and `tree` are set only if the tree was requested."""

    output_ids: list[int]
    score: float | None = None
    tree: BeamTree | None = None


class Steps(Protocol):
    """Observes a text while it is written, token by token."""

    def is_cancelled(self) -> bool:
        """Return whether the request was cancelled. The engine then raises RequestCancelled."""
        ...

    def is_enough(self, output_ids: list[int]) -> bool:
        """Receive the new ids so far (in a beam search, the best beam's). Return whether the text should end here."""
        ...


class Engine(Protocol):
    """Computes the distributions of one model. Calls block, and must come from one thread.

    Input ids come from `codec`, which refuses ids that the model can't read. Each method raises NumbersNotFinite if a
    logit is infinite or not a number.
    """

    @property
    def info(self) -> ModelInfo:
        """Which model this is."""
        ...

    @property
    def codec(self) -> TextCodec:
        """The model's tokenizer."""
        ...

    @property
    def has_logits(self) -> bool:
        """Whether the engine knows logits, or only log-probabilities."""
        ...

    def score_next(
        self, texts: Sequence[list[int]], chosen: Sequence[int], *, beginning: Sequence[int] = ()
    ) -> list[tuple[TokenScore, ...]]:
        """Score the `chosen` tokens after each of `texts`.

        `beginning` is a common beginning of these and later texts. It is computed once and cached.
        """
        ...

    def score_after_each(
        self,
        input_ids: list[int],
        *,
        first: int = 0,
        following: Sequence[Sequence[int]] = (),
        top: int = 0,
        temperature: float = 1.0,
    ) -> Iterator[NextScores]:
        """Yield the scores after each of `input_ids` from position `first` on: the `top` most probable tokens.

        The ids in `following[n]` are scored at the nth of these positions: anything at the last one, and at the others
        the id that follows in `input_ids`. `temperature` only changes `at_temperature`, which is set at the last one.
        """
        ...

    def log_probabilities_after_each(self, input_ids: list[int]) -> Iterator[NDArray[np.float32]]:
        """Yield the natural-log probabilities of all tokens after each of `input_ids`: [at most 64, vocab_size].

        The parts are in order. Each is computed when the caller asks for it.
        """
        ...

    def next_scores(self, input_ids: list[int]) -> NDArray[np.float32]:
        """Return the scores of the token after `input_ids`: [vocab_size].

        They are logits, or log-probabilities if `has_logits` is false. Both differ by a constant.
        """
        ...

    def layer_logits(self, input_ids: list[int], first: int) -> Iterator[NDArray[np.float32]]:
        """Yield the logits that each layer's states would give, from position `first` on: [positions, vocab_size].

        At most 64 positions are read. The first are the embedding's, and the last the model's own. Raises
        LayersUnsupported.
        """
        ...

    def draw(self, input_ids: list[int], parameters: GenerationParameters, number: int) -> int:
        """Return an id drawn after `input_ids`. `number` (from 0) says which draw of the parameters' seed it is."""
        ...

    def refuse_unsupported(self, parameters: GenerationParameters) -> None:
        """Raise GenerationUnsupported if the model can't generate text with these parameters."""
        ...

    def write(
        self, input_ids: list[int], parameters: GenerationParameters, steps: Steps, written: Sequence[int] = ()
    ) -> Written:
        """Return `written` and the new ids after it, up to and including the first end of text.

        The ids are greedy or drawn with the seed. Several calls that pass on `written` give the same ids as one call.
        Raises RequestCancelled.
        """
        ...

    def search(
        self,
        input_ids: list[int],
        parameters: GenerationParameters,
        steps: Steps,
        written: Sequence[int] = (),
        *,
        with_tree: bool = False,
    ) -> Search:
        """Run a beam search after `input_ids` and `written`. Its ids begin with `written`. Raises RequestCancelled."""
        ...


def choices_along(
    engine: Engine, input_ids: Sequence[int], output_ids: Sequence[int], written: Sequence[int] = ()
) -> list[TokenChoice]:
    """Return the choices of the `output_ids` after `written`, by computing the whole text again."""
    new_ids = output_ids[len(written) :]
    if not new_ids:
        return []
    text = [*input_ids, *output_ids[:-1]]
    following = [(id_,) for id_ in new_ids]
    scores = engine.score_after_each(text, first=len(text) - len(new_ids), following=following, top=OTHERS + 1)
    return [TokenChoice.among(position.top, position.chosen[0]) for position in scores]
