"""The JSON that goes with a continuation, and from which it is read back."""

import json
from dataclasses import dataclass

from bot.inference.generation_parameters import GenerationParameters
from bot.inference.model import Continuation, ModelInfo
from bot.rendering.json_objects import continuation_object

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
    found = continuation_object(result, model)
    found["model"]["name"] = model.short_name
    return json.dumps(found, ensure_ascii=False)


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
        return Receipt(
            str(found["prompt"]), parameters, output_ids, (found["model"]["name"], found["model"]["revision"])
        )
    except Exception as error:
        raise ValueError("not the receipt of a continuation") from error
