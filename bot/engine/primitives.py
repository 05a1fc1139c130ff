"""What an engine computes: a few operations on token ids. Every question is answered in terms of them."""

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


@dataclass(frozen=True, slots=True)
class TokenScore:
    """A token as the next one; `rank` counts from 1, and the probability is over the whole vocabulary.

    `log_probability` is its natural logarithm, computed apart, for where the probability is too small for a number.
    """

    id: int
    rank: int
    logit: float
    probability: float
    log_probability: float


@dataclass(frozen=True, slots=True)
class NextScores:
    """The next token at one position: the most probable ones, best first, and those that were chosen."""

    top: tuple[TokenScore, ...]
    chosen: tuple[TokenScore, ...]


def candidates(scores: Iterable[TokenScore], codec: TextCodec) -> tuple[TokenProbability, ...]:
    """Return tokens with their texts, in the order of `scores`."""
    return tuple(TokenProbability(one.rank, codec.token(one.id), one.logit, one.probability) for one in scores)


def likelihood(score: TokenScore) -> Likelihood:
    """Return what the model thought of a token before it came."""
    return Likelihood(score.log_probability, score.rank)


@dataclass(frozen=True, slots=True)
class Search:
    """What a beam search wrote. With its tree: the score that it ranked `output_ids` by, and all its candidates."""

    output_ids: list[int]
    score: float | None = None
    tree: BeamTree | None = None


class Steps(Protocol):
    """Follows a text while it is written, token by token."""

    def is_cancelled(self) -> bool:
        """Return whether nothing is wanted any longer: the engine then raises RequestCancelled."""
        ...

    def is_enough(self, output_ids: list[int]) -> bool:
        """Take the new ids so far, of a beam search those of its best beam; return whether to end with them."""
        ...


class Engine(Protocol):
    """Computes the distributions of one model. Calls block, and come from one thread.

    Input ids come from `codec`, which has refused what the model cannot read. Each method raises NumbersNotFinite where
    a logit is infinite or not a number.
    """

    @property
    def info(self) -> ModelInfo:
        """Which model this is."""
        ...

    @property
    def codec(self) -> TextCodec:
        """The model's tokenizer."""
        ...

    def score_next(
        self, texts: Sequence[list[int]], *, top: int = 0, chosen: Sequence[int] = (), beginning: Sequence[int] = ()
    ) -> list[NextScores]:
        """Score the token after each of `texts`: its `top` most probable ones, and the `chosen` ones.

        `beginning` is what many texts begin with, these and later ones: it is computed once and kept.
        """
        ...

    def score_after_each(
        self, input_ids: list[int], *, first: int = 0, following: Sequence[int] = (), top: int = 0
    ) -> Iterator[NextScores]:
        """Yield the scores after each of `input_ids` from position `first` on; `following[n]` is chosen at the nth."""
        ...

    def next_logits(self, input_ids: list[int]) -> NDArray[np.float32]:
        """Return the logits of the token after `input_ids`: [vocab_size]."""
        ...

    def draw(self, input_ids: list[int], parameters: GenerationParameters, number: int) -> int:
        """Return the id that the parameters' seed draws after `input_ids` with its draw `number`, from 0."""
        ...

    def refuse_unsupported(self, parameters: GenerationParameters) -> None:
        """Raise GenerationUnsupported where the model cannot be continued like this."""
        ...

    def write(
        self, input_ids: list[int], parameters: GenerationParameters, steps: Steps, written: Sequence[int] = ()
    ) -> list[int]:
        """Return new ids after `input_ids`, `written` first, up to and including the first end of text.

        Greedy, or drawn with the seed; the same in one go and in several. Raises RequestCancelled.
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
        """Return what a beam search writes after `input_ids` and `written`, which is in its ids. As `write` else."""
        ...
