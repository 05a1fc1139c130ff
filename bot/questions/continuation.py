"""What a model writes after a prompt."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal, Self

from bot.errors import ReceiptUnusable
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import RepeatableQuestion
from bot.questions.outcome import Outcome

FinishReason = Literal["length", "stop", "stopped"]


@dataclass(frozen=True, slots=True)
class Continuation:
    """What the model wrote after a prompt.

    `output_ids` are only the new ids, including a final end-of-text token; `text` is what they add to the prompt,
    without that token. `finish_reason` is "stop" if the model ended the text, "stopped" if a person did, and "length"
    at max_new_tokens. The first `written_before` output ids come from the continuation that this one extends.
    """

    prompt: str
    parameters: GenerationParameters
    input_ids: tuple[int, ...]
    output_ids: tuple[int, ...]
    text: str
    finish_reason: FinishReason
    written_before: int = 0


@dataclass(frozen=True, slots=True)
class ContinuationQuestion(RepeatableQuestion[Continuation]):
    """What comes after a prompt and after the output ids in `written`."""

    command: ClassVar[str] = "continue"
    prompt: str
    parameters: GenerationParameters
    written: tuple[int, ...] = ()

    @property
    def max_steps(self) -> int:
        """One for each new token."""
        return self.parameters.max_new_tokens - len(self.written)

    def outcome(self, result: Continuation) -> Outcome:
        """Return the new ids, including those written before."""
        return Outcome(result.input_ids, (result.output_ids,), is_cut_short=result.finish_reason == "stopped")

    def again(self, outcome: Outcome, *, draws_in_parts: bool = False) -> Self:
        """Return the question that writes the same number of tokens, from the prompt on.

        A beam search that extended an earlier text starts from that text again, as does a sample that is drawn in
        parts. Raises ReceiptUnusable.
        """
        parameters = self.parameters
        if outcome.is_cut_short:
            if outcome.output_count <= len(self.written):
                raise ReceiptUnusable("This was stopped before anything was written, so there is nothing to repeat.")
            parameters = parameters.with_max_new_tokens(outcome.output_count)
        continues = parameters.num_beams is not None or (parameters.do_sample and draws_in_parts)
        return replace(self, parameters=parameters, written=self.written if continues else ())

    def options(self) -> dict[str, object]:
        """Return the prompt, all parameters and the ids written before; parameters of other strategies are None."""
        return {"prompt": self.prompt, **asdict(self.parameters), "written": self.written}

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Return the question with these options. Raises KeyError or TypeError if they don't fit."""
        rest = dict(options)
        prompt, written = rest.pop("prompt"), tuple(rest.pop("written"))
        return cls(prompt, GenerationParameters(**rest), written)
