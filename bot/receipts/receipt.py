"""The receipt of an answer, as JSON: question, outcome, model and versions. It holds no id of a user or a server."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from bot.questions.comparison import ComparisonQuestion
from bot.questions.continuation import ContinuationQuestion
from bot.questions.contrast import ContrastQuestion
from bot.questions.decision import DecisionEvidenceQuestion, DecisionQuestion
from bot.questions.language_model import DEMO, EngineName, ModelInfo, RepeatableQuestion, dtype_text
from bot.questions.layers import LayersQuestion
from bot.questions.options import RANGES, K
from bot.questions.outcome import Outcome, output_hash, versions
from bot.questions.sampler import SamplerQuestion
from bot.questions.sentiment import EvidenceQuestion, SentimentQuestion
from bot.questions.tokenization import TokenizationQuestion
from bot.questions.topk import TopKQuestion
from bot.questions.why import WhyQuestion
from bot.questions.xray import XrayQuestion
from bot.rendering.json_objects import JsonObject

# Every question that a receipt can hold. Details and Replay need an entry for each.
CATALOGUE: tuple[type[RepeatableQuestion[Any]], ...] = (
    TopKQuestion, ContinuationQuestion, SentimentQuestion, EvidenceQuestion, TokenizationQuestion, XrayQuestion,
    ComparisonQuestion, SamplerQuestion, ContrastQuestion, WhyQuestion, LayersQuestion, DecisionQuestion,
    DecisionEvidenceQuestion,
)  # fmt: skip

Question = TypeVar("Question", bound=RepeatableQuestion[Any])
T = TypeVar("T")

# Ranges of the options in a receipt. After *Continue*, a text can be longer than one command can request.
_RANGES = {**RANGES, K.name: K.range, "max_new_tokens": (0, float("inf"))}


@dataclass(frozen=True, slots=True)
class AnsweredBy:
    """Which model answered and how, with the fields of ModelInfo. `name` never contains a local folder's path."""

    name: str
    revision: str | None
    dtype: str
    device: str
    engine_path: str
    engine: EngineName = "transformers"
    quantization: str = ""

    @classmethod
    def of(cls, model: ModelInfo) -> "AnsweredBy":
        """Return a receipt's description of `model`."""
        return cls(
            model.short_name,
            model.revision,
            model.dtype,
            model.device,
            model.engine_path,
            model.engine,
            model.quantization,
        )

    @property
    def is_local(self) -> bool:
        """Whether the model is a local folder or file on the bot's machine."""
        return self.revision is None and self.name != DEMO

    @property
    def computed_in(self) -> str:
        """The dtype, the device, and the method of matrix multiplication if it isn't the default one."""
        dtype = dtype_text(self.dtype, self.quantization)
        return ", ".join(filter(None, (f"{dtype} on {self.device}", self.engine_path)))

    @property
    def draws_in_parts(self) -> bool:
        """Whether the engine uses a new random generator when it continues a text."""
        return self.engine == "vllm"

    def is_model(self, model: ModelInfo) -> bool:
        """Return whether `model` has the same name, revision and quantization."""
        return (self.name, self.revision, self.quantization) == (model.short_name, model.revision, model.quantization)

    def is_comparable(self, model: ModelInfo) -> bool:
        """Return whether `model` is the same, and computes in the same dtype with the same engine."""
        return self.is_model(model) and (self.dtype, self.engine) == (model.dtype, model.engine)


@dataclass(frozen=True, slots=True)
class Receipt(Generic[T]):
    """What an answer was computed from. `state` is extra data for its buttons; `versions` are the libraries'."""

    question: RepeatableQuestion[T]
    outcome: Outcome
    model: AnsweredBy
    versions: dict[str, str]
    state: JsonObject

    def question_again(self) -> RepeatableQuestion[T]:
        """Return the question whose answer is comparable with this one. Raises ReceiptUnusable if there is none."""
        return self.question.again(self.outcome, draws_in_parts=self.model.draws_in_parts)


def receipt_of(
    question: RepeatableQuestion[T], result: T, model: ModelInfo, state: JsonObject | None = None
) -> Receipt[T]:
    """Return the receipt of an answer that was computed just now."""
    return Receipt(question, question.outcome(result), AnsweredBy.of(model), versions(), state or {})


def changes_since(receipt: Receipt[T], model: AnsweredBy) -> list[tuple[str, str, str]]:
    """Return the name of what has changed, what it was and what it is: libraries' versions, and how it is computed."""
    then = receipt.versions | {"computed in": receipt.model.computed_in}
    now = versions() | {"computed in": model.computed_in}
    return [(name, then.get(name, "none"), value) for name, value in now.items() if then.get(name) != value]


def write_receipt(receipt: Receipt[T]) -> str:
    """Return the receipt as JSON, for `read_receipt`."""
    model, outcome = receipt.model, receipt.outcome
    fields: JsonObject = {
        "command": receipt.question.command,
        "options": receipt.question.options(),
        "model": {name: value for name, value in asdict(model).items() if value or name != "quantization"},
        "versions": receipt.versions,
        "input_ids": outcome.input_ids,
        "outputs": outcome.outputs,
        "output_sha256": output_hash(outcome.outputs),
        "figures": outcome.figures,
        "is_cut_short": outcome.is_cut_short,
    }
    return json.dumps(fields | ({"state": receipt.state} if receipt.state else {}), ensure_ascii=False, allow_nan=False)


def read_receipt(text: str) -> Receipt[object]:
    """Return the receipt in `text`. Raises ValueError if `text` is not a receipt."""
    file = read_file(_File, text, "a receipt")
    if any(not _is_in_range(name, value) for name, value in file.options.items()):
        raise ValueError("this file is not a receipt")
    try:
        question = parse_question(file.command, file.options)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError("this file is not a receipt") from error
    question = read_value(type(question), asdict(question), "a receipt")  # type: ignore[call-overload]  # a dataclass
    outcome = Outcome(file.input_ids, file.outputs, file.figures, file.is_cut_short)
    return Receipt(question, outcome, file.model, file.versions, file.state)


def parse_question(command: str, options: Mapping[str, object]) -> RepeatableQuestion[object]:
    """Return the question of a command. Raises KeyError or TypeError for an unknown command or unfit options."""
    return {kind.command: kind for kind in CATALOGUE}[command].of(options)


def read_receipt_of(kind: type[Question], text: str) -> tuple[Question, Receipt[object]]:
    """Return the question and its receipt. Raises ValueError if `text` is not a receipt of this kind."""
    receipt = read_receipt(text)
    if not isinstance(receipt.question, kind):
        raise ValueError(f"this file is not a receipt of {kind.command}")  # noqa: TRY004  # the text is wrong, not a type
    return receipt.question, receipt


def read_file(kind: type[T], text: str, what: str) -> T:
    """Return the JSON of `text` as the dataclass `kind`, with every field validated.

    Raises ValueError if it doesn't match, or has a number that is not valid JSON, such as Infinity.
    """
    try:
        value = TypeAdapter(kind).validate_json(text)  # also rejects nesting that is too deep for json
        json.dumps(json.loads(text), allow_nan=False)
    except ValueError as error:
        raise ValueError(f"this file is not {what}") from error
    return value


def read_value(kind: type[T], value: object, what: str) -> T:
    """Return a dictionary as the dataclass `kind`, with validated fields. Raises ValueError if it doesn't match."""
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValueError as error:
        raise ValueError(f"this file is not {what}") from error


@dataclass(frozen=True, slots=True)
class _File:
    """The fields of the JSON that `write_receipt` returns."""

    command: str
    options: dict[str, object]
    model: AnsweredBy
    versions: dict[str, str]
    input_ids: tuple[int, ...]
    outputs: tuple[tuple[int, ...], ...]
    figures: tuple[float, ...]
    is_cut_short: bool
    state: JsonObject = field(default_factory=dict)


def _is_in_range(option: str, value: object) -> bool:
    smallest, largest = _RANGES.get(option, (None, None))
    if smallest is None or largest is None or value is None:
        return True
    return isinstance(value, int | float) and smallest <= value <= largest
