"""What a model writes after a prompt."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal, Self

from bot.errors import ReceiptUnusable
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import RepeatableQuestion
from bot.questions.outcome import Outcome
from bot.questions.tokens import ScoredToken

FinishReason = Literal["length", "stop", "stopped"]
NEAR = 0.5  # of a token's probability: from here on, another token is near it


@dataclass(frozen=True, slots=True)
class WrittenToken(ScoredToken):
    """A new token of a continuation, and the most probable others in its place, best first."""

    others: tuple[ScoredToken, ...]

    @property
    def near(self) -> tuple[ScoredToken, ...]:
        """The others that are at least `NEAR` times as probable as this token."""
        least = self.log_probability + math.log(NEAR)
        return tuple(other for other in self.others if other.log_probability >= least)


@dataclass(frozen=True, slots=True)
class Continuation:
    """What the model wrote after a prompt.

    `output_ids` are only the new ids, including a final end-of-text token; `text` is what they add to the prompt,
    without that token. `finish_reason` is "stop" if the model ended the text, "stopped" if a person did, and "length"
    at max_new_tokens. The first `written_before` output ids, with the text `text_before`, come from the continuation
    that this one extends. If `fixed` is above 0, a person chose the last of the first `fixed` ids. `tokens` are the new
    ones. A draft has neither `text_before` nor `tokens`.
    """

    prompt: str
    parameters: GenerationParameters
    input_ids: tuple[int, ...]
    output_ids: tuple[int, ...]
    text: str
    finish_reason: FinishReason
    written_before: int = 0
    fixed: int = 0
    text_before: str = ""
    tokens: tuple[WrittenToken, ...] = ()

    @property
    def doubtful(self) -> tuple[int, ...]:
        """The indices in `tokens` of those that have others near them."""
        return tuple(index for index, token in enumerate(self.tokens) if token.near)


@dataclass(frozen=True, slots=True)
class ContinuationQuestion(RepeatableQuestion[Continuation]):
    """What comes after a prompt and after the output ids in `written`.

    If `fixed` is above 0, a person chose the last of the first `fixed` ids, so a repetition starts after it.
    """

    command: ClassVar[str] = "continue"
    prompt: str
    parameters: GenerationParameters
    written: tuple[int, ...] = ()
    fixed: int = 0

    def from_another_token(self, position: int, id_: int, more: int) -> Self:
        """Return the question that goes on from `id_` in place of `written[position]`, for at least `more` tokens."""
        written = (*self.written[:position], id_)
        length = max(self.parameters.max_new_tokens, len(written) + more)
        return replace(
            self, written=written, fixed=len(written), parameters=self.parameters.with_max_new_tokens(length)
        )

    @property
    def max_steps(self) -> int:
        """One for each new token."""
        return self.parameters.max_new_tokens - len(self.written)

    def outcome(self, result: Continuation) -> Outcome:
        """Return the new ids, including those written before."""
        return Outcome(result.input_ids, (result.output_ids,), is_cut_short=result.finish_reason == "stopped")

    def again(self, outcome: Outcome, *, draws_in_parts: bool = False) -> Self:
        """Return the question that writes the same number of tokens, from the prompt or the chosen token on.

        A beam search that extended an earlier text starts from that text again, as does a sample that is drawn in
        parts. Raises ReceiptUnusable.
        """
        parameters = self.parameters
        if outcome.is_cut_short:
            if outcome.output_count <= len(self.written):
                raise ReceiptUnusable("This was stopped before anything was written, so there is nothing to repeat.")
            parameters = parameters.with_max_new_tokens(outcome.output_count)
        continues = parameters.num_beams is not None or (parameters.do_sample and draws_in_parts)
        return replace(self, parameters=parameters, written=self.written if continues else self.written[: self.fixed])

    def options(self) -> dict[str, object]:
        """Return the prompt, all parameters and the ids written before; parameters of other strategies are None."""
        fixed = {"fixed": self.fixed} if self.fixed else {}
        return {"prompt": self.prompt, **asdict(self.parameters), "written": self.written, **fixed}

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Return the question with these options. Raises KeyError or TypeError if they don't fit."""
        rest = dict(options)
        prompt, written, fixed = rest.pop("prompt"), tuple(rest.pop("written")), rest.pop("fixed", 0)
        return cls(prompt, GenerationParameters(**rest), written, fixed)
