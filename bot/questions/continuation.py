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

    `output_ids` are the new ids only, a final end-of-text token included; `text` is what they add to the prompt,
    without that final token. `finish_reason` is "stop" where the model ended the text itself, "stopped" where a person
    did. The first `written_before` of the output ids are from an earlier continuation, which this one continues.
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
    """What comes after a prompt, and after the output ids that are `written` already."""

    command: ClassVar[str] = "continue"
    prompt: str
    parameters: GenerationParameters
    written: tuple[int, ...] = ()

    def outcome(self, result: Continuation) -> Outcome:
        """Return the new ids, those written before among them."""
        return Outcome(result.input_ids, (result.output_ids,), is_cut_short=result.finish_reason == "stopped")

    def again(self, outcome: Outcome) -> Self:
        """Return what writes as much as stands there; all of it anew, but for a search that went on from a text."""
        parameters = self.parameters
        if outcome.is_cut_short:
            if outcome.output_count <= len(self.written):
                raise ReceiptUnusable("This was stopped before anything was written, so there is nothing to repeat.")
            parameters = parameters.with_max_new_tokens(outcome.output_count)
        return replace(self, parameters=parameters, written=self.written if parameters.num_beams else ())

    def options(self) -> dict[str, object]:
        """Return the parameters by their own names; those of other strategies are None."""
        return {"prompt": self.prompt, **asdict(self.parameters), "written": self.written}

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Return the question with these options. Raises KeyError and TypeError where they are another's."""
        rest = dict(options)
        prompt, written = rest.pop("prompt"), tuple(rest.pop("written"))
        return cls(prompt, GenerationParameters(**rest), written)
