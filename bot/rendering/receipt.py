"""The JSON that goes with an answer: what was asked and of what, and what came out. Its buttons go on from it."""

import json
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from bot.inference.asked import Asked, asked
from bot.inference.model import ModelInfo
from bot.inference.model_files import DEMO
from bot.inference.reproduction import Outcome, output_hash, versions
from bot.rendering.answer import Attachment
from bot.rendering.json_objects import JsonObject

RECEIPT = "receipt.json"

Question = TypeVar("Question", bound=Asked[Any])


@dataclass(frozen=True, slots=True)
class AnsweredBy:
    """Which model answered and how, by the names of ModelInfo; a local model's folder is left out of `name`."""

    name: str
    revision: str | None
    dtype: str
    device: str
    engine_path: str

    @classmethod
    def of(cls, model: ModelInfo) -> "AnsweredBy":
        """Return what a receipt says of `model`."""
        return cls(model.short_name, model.revision, model.dtype, model.device, model.engine_path)

    @property
    def is_local(self) -> bool:
        """Whether the model is a folder of whoever runs the bot."""
        return self.revision is None and self.name != DEMO

    def is_model(self, model: ModelInfo) -> bool:
        """Return whether `model` is the same, by name and revision."""
        return (self.name, self.revision) == (model.short_name, model.revision)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an answer came from. `state` is what its buttons need besides; `versions` are those that computed it."""

    asked: Asked[Any]
    outcome: Outcome
    model: AnsweredBy
    versions: dict[str, str]
    state: JsonObject


def receipt_file(question: Asked[Any], outcome: Outcome, model: ModelInfo, state: JsonObject) -> Attachment:
    """Return the file of an answer that was computed now."""
    receipt = Receipt(question, outcome, AnsweredBy.of(model), versions(), state)
    return Attachment(RECEIPT, write_receipt(receipt), "What was asked and what came out, for the buttons")


def write_receipt(receipt: Receipt) -> str:
    """Return what `read_receipt` reads."""
    model, outcome = receipt.model, receipt.outcome
    found: JsonObject = {
        "command": receipt.asked.command,
        "options": receipt.asked.options(),
        "model": asdict(model),
        "versions": receipt.versions,
        "input_ids": outcome.input_ids,
        "outputs": outcome.outputs,
        "output_sha256": output_hash(outcome.outputs),
        "figures": outcome.figures,
        "is_cut_short": outcome.is_cut_short,
    }
    return json.dumps(found | ({"state": receipt.state} if receipt.state else {}), ensure_ascii=False, allow_nan=False)


def read_receipt(text: str) -> Receipt:
    """Return a receipt. Raises ValueError where `text` is none."""
    found = json.loads(text)
    try:
        outcome = Outcome(
            tuple(found["input_ids"]),
            tuple(tuple(ids) for ids in found["outputs"]),
            tuple(found["figures"]),
            bool(found["is_cut_short"]),
        )
        question = asked(found["command"], found["options"])
        model = AnsweredBy(**found["model"])
        return Receipt(question, outcome, model, dict(found["versions"]), found.get("state", {}))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError("not the receipt of an answer") from error


def read_receipt_of(kind: type[Question], text: str) -> tuple[Question, Receipt]:
    """Return what was asked, and the receipt. Raises ValueError where `text` is no receipt of that kind."""
    receipt = read_receipt(text)
    if not isinstance(receipt.asked, kind):
        raise ValueError(f"not the receipt of {kind.command}")  # noqa: TRY004  # it is the text that is wrong
    return receipt.asked, receipt
