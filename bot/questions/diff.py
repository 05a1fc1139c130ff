"""One text under two models: how probable each of them finds every token, and how far apart they are."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bot.questions.language_model import ModelInfo, Question
from bot.questions.tokens import TokenProbability
from bot.questions.xray import Surprisals

if TYPE_CHECKING:  # `--help` imports this module, and should not import numpy
    import numpy as np
    from numpy.typing import NDArray

APART_BITS = 0.1  # two surprisals of one piece that differ by more are apart

Reason = Literal["surprisal", "most_probable"]


@dataclass(frozen=True, slots=True)
class Divergence:
    """The Kullback-Leibler divergences of two next-token distributions, in bits, over the whole vocabulary.

    `a_b` is KL(a‖b), the sum of p_a · log₂(p_a / p_b): the bits that are lost if a is right and b is believed. `b_a` is
    KL(b‖a).
    """

    a_b: float
    b_a: float


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the text on which two models are compared, with the sums of its tokens' surprisals in bits.

    If both models have the same tokens, it is one token. Otherwise it is the shortest piece at whose end a token of
    both ends. `tokens_a` and `tokens_b` are positions. Bits are None if a token is not measured: the first one, and
    special ones. Favourites are the most probable tokens in this place, and None unless both have the same tokens.
    `divergence` is that of the distributions in this place, or None.
    """

    text: str
    tokens_a: tuple[int, ...]
    tokens_b: tuple[int, ...]
    bits_a: float | None
    bits_b: float | None
    favourite_a: TokenProbability | None = None
    favourite_b: TokenProbability | None = None
    divergence: Divergence | None = None

    @property
    def difference(self) -> float | None:
        """The bits under b minus those under a: above 0, b is more surprised. None unless both are known."""
        return None if self.bits_a is None or self.bits_b is None else self.bits_b - self.bits_a

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why the models are apart here: by more than `APART_BITS`, or with another most probable token."""
        found: list[Reason] = []
        if self.difference is not None and abs(self.difference) > APART_BITS:
            found.append("surprisal")
        if self.has_other_favourite:
            found.append("most_probable")
        return tuple(found)

    @property
    def has_other_favourite(self) -> bool:
        """Whether the most probable tokens are known and differ."""
        if self.favourite_a is None or self.favourite_b is None:
            return False
        return self.favourite_a.token != self.favourite_b.token


@dataclass(frozen=True, slots=True)
class Diff:
    """One text under the models a and b.

    `no_divergence` is a clause that says why there are no divergences, or "".
    """

    model_a: ModelInfo
    model_b: ModelInfo
    a: Surprisals
    b: Surprisals
    parts: tuple[Part, ...]
    has_same_tokens: bool
    no_divergence: str = ""

    @property
    def text(self) -> str:
        """The text."""
        return self.a.text

    @property
    def names(self) -> tuple[str, str]:
        """What tells the models apart: their names, their revisions if these differ, and their dtypes."""
        a, b = self.model_a, self.model_b
        has_one_name = a.short_name == b.short_name and a.name != b.name  # two folders

        def name_of(model: ModelInfo) -> str:
            name = model.name if has_one_name else model.short_name
            revision = f" {model.revision[:7]}" if model.revision and a.revision != b.revision else ""
            return f"{name}{revision} · {model.computed_in}"

        return name_of(a), name_of(b)

    @property
    def parts_at(self) -> int | None:
        """The first of `parts` in which the models are apart, or None."""
        return next((index for index, part in enumerate(self.parts) if part.reasons), None)

    @property
    def measured(self) -> tuple[Part, ...]:
        """The parts that both models measured."""
        return tuple(part for part in self.parts if part.difference is not None)

    @property
    def bits_per_character(self) -> tuple[float, float]:
        """The bits per character under a and b. With different tokens, of the parts that both measured."""
        if self.has_same_tokens:
            return self.a.bits_per_character, self.b.bits_per_character
        characters = max(1, sum(len(part.text) for part in self.measured))
        bits_a = sum(part.bits_a or 0.0 for part in self.measured)
        bits_b = sum(part.bits_b or 0.0 for part in self.measured)
        return bits_a / characters, bits_b / characters

    @property
    def mean_divergence(self) -> Divergence | None:
        """The mean of all divergences, or None if there are none."""
        return self._divergence(lambda values: math.fsum(values) / len(values))

    @property
    def largest_divergence(self) -> Divergence | None:
        """The largest divergence in each direction, or None if there are none."""
        return self._divergence(max)

    def most_divergent(self) -> int | None:
        """Return the first of `parts` with the largest KL(a‖b), or None if there are no divergences."""
        values = {index: part.divergence.a_b for index, part in enumerate(self.parts) if part.divergence is not None}
        return max(values, key=lambda index: values[index], default=None)

    def _divergence(self, combine: Callable[[Sequence[float]], float]) -> Divergence | None:
        found = [part.divergence for part in self.parts if part.divergence is not None]
        if not found:
            return None
        return Divergence(combine([entry.a_b for entry in found]), combine([entry.b_a for entry in found]))


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What one model says about a text, kept while another model is loaded.

    `ends` has for each token how many characters of the text are complete after it, or None for a token that is not
    from the text. `vocabulary` is a hash of the tokens that the model predicts. `distributions` are the natural-log
    probabilities after each token but the last, [tokens - 1, vocab_size], in a temporary file that disappears with the
    array.
    """

    model: ModelInfo
    surprisals: Surprisals
    ends: tuple[int | None, ...]
    vocabulary: str
    distributions: "NDArray[np.float32]"


@dataclass(frozen=True, slots=True)
class ReadingQuestion(Question[Reading]):
    """What the first model says about a text."""

    text: str


@dataclass(frozen=True, slots=True)
class DiffQuestion(Question[Diff]):
    """How far the second model is apart from the first one's reading."""

    first: Reading
