"""The JSON that goes with an answer, and from which its buttons read back what was asked."""

import json
from dataclasses import dataclass

from bot.inference.generation_parameters import GenerationParameters
from bot.inference.model import Continuation, ModelInfo
from bot.rendering.json_objects import JsonObject, continuation_object, model_object

RECEIPT = "continuation.json"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was asked and written, and by which model."""

    prompt: str
    parameters: GenerationParameters
    output_ids: tuple[int, ...]
    model: tuple[str, str | None]  # name and revision


def write_receipt(result: Continuation, model: ModelInfo) -> str:
    """Return what `read_receipt` reads; a local model's folder is left out of it."""
    return json_text(continuation_object(result, model), model)


def read_receipt(text: str) -> Receipt:
    """Return what was asked and written. Raises ValueError where `text` is no receipt."""
    try:
        found = json.loads(text)
        given = {name: value for name, value in found["parameters"].items() if name != "do_sample"}
        if given["strategy"] != "sample":
            given.pop("top_k")
        max_new_tokens = int(given.pop("max_new_tokens"))
        parameters = GenerationParameters.from_options(**given).with_max_new_tokens(max_new_tokens)
        output_ids = tuple(int(id_) for id_ in found["output_ids"])
        return Receipt(str(found["prompt"]), parameters, output_ids, model_of(found))
    except Exception as error:
        raise ValueError("not the receipt of a continuation") from error


@dataclass(frozen=True, slots=True)
class AskedText:
    """A text that was asked about, and the model that answered."""

    text: str
    model: tuple[str, str | None]  # name and revision


def asked_text(command: str, name: str, text: str, model: ModelInfo) -> str:
    """Return what `read_asked` reads: what was asked of a command by the option `name`."""
    return json_text({"command": command, "model": model_object(model), name: text}, model)


def read_asked(text: str, name: str) -> AskedText:
    """Return what was asked, the value of `name`. Raises ValueError where `text` is nothing of the kind."""
    found = json.loads(text)
    try:
        return AskedText(str(found[name]), model_of(found))
    except (KeyError, TypeError) as error:
        raise ValueError(f"no {name} of a model stands there") from error


def model_of(found: JsonObject) -> tuple[str, str | None]:
    """Return name and revision of the model that an object names. Raises KeyError and TypeError."""
    return found["model"]["name"], found["model"]["revision"]


def json_text(found: JsonObject, model: ModelInfo) -> str:
    """Return an object as it is attached: a local model's folder is left out of it."""
    return json.dumps(found | {"model": found["model"] | {"name": model.short_name}}, ensure_ascii=False)
