"""How the next-token distribution differs after two prompts."""

import math
from dataclasses import dataclass
from typing import ClassVar

from bot.questions.language_model import RepeatableQuestion
from bot.questions.outcome import Outcome
from bot.questions.tokens import Token


@dataclass(frozen=True, slots=True)
class Mover:
    """A token with its natural-log probabilities after both prompts, and what it adds to the divergence in bits."""

    token: Token
    log_probability_a: float
    log_probability_b: float
    js_bits: float

    @property
    def probability_a(self) -> float:
        """The probability after a, or 0 if it is too small for a float."""
        return math.exp(self.log_probability_a)

    @property
    def probability_b(self) -> float:
        """The probability after b, or 0 if it is too small for a float."""
        return math.exp(self.log_probability_b)


@dataclass(frozen=True, slots=True)
class Density:
    """How many tokens of the vocabulary have which two probabilities: a histogram with equal steps of the logarithm.

    Both axes run from 10 to the power of `lowest` up to 1, in `steps` steps. Smaller probabilities are in the first
    step. `cells` are (step after a, step after b, number of tokens), without empty cells.
    """

    lowest: int
    steps: int
    cells: tuple[tuple[int, int, int], ...]

    @property
    def token_count(self) -> int:
        """The number of tokens in the vocabulary."""
        return sum(count for _, _, count in self.cells)


@dataclass(frozen=True, slots=True)
class Contrast:
    """The divergences of the two next-token distributions, in bits over the whole vocabulary.

    `kl_a_b_bits` is KL(a‖b), the mean over a's distribution of log₂(p_a/p_b) (Kullback and Leibler 1951). `js_bits` is
    the Jensen-Shannon divergence, the mean of KL to the mean distribution, from 0 to 1 (Lin 1991). `movers` add most to
    it, the largest first. Tokens that differ only by rounding are left out.
    """

    a: str
    b: str
    input_ids_a: tuple[int, ...]
    input_ids_b: tuple[int, ...]
    kl_a_b_bits: float
    kl_b_a_bits: float
    js_bits: float
    movers: tuple[Mover, ...]
    density: Density


@dataclass(frozen=True, slots=True)
class ContrastQuestion(RepeatableQuestion[Contrast]):
    """How two prompts differ in what the model says next."""

    command: ClassVar[str] = "contrast"
    a: str
    b: str

    @property
    def max_steps(self) -> int:
        """One for each prompt."""
        return 2

    def outcome(self, result: Contrast) -> Outcome:
        """Return the ids of both prompts, the movers, the divergences, and the movers' log-probabilities."""
        figures = [result.kl_a_b_bits, result.kl_b_a_bits, result.js_bits]
        for mover in result.movers:
            figures += [mover.log_probability_a, mover.log_probability_b]
        return Outcome(
            (*result.input_ids_a, *result.input_ids_b),
            (tuple(mover.token.id for mover in result.movers),),
            tuple(figures),
        )
