"""What an engine says of itself covers every question, and is honest about the dtype."""

from dataclasses import replace

import pytest

from bot.engine.model import EngineModel
from bot.questions.capabilities import capabilities
from bot.receipts.receipt import CATALOGUE

COMMANDS = {"explain": "sentiment", "explain_decision": "decide"}


@pytest.mark.parametrize("command", sorted({kind.command for kind in CATALOGUE} | {"guess"}))
def test_every_question_is_named(demo_model: EngineModel, command: str) -> None:
    remote = replace(demo_model.info, engine="vllm")
    named = " ".join(capability.questions for capability in capabilities(remote))
    assert f"/{COMMANDS.get(command, command)}" in named
    (every,) = capabilities(demo_model.info)
    assert (every.questions, every.level) == ("every question", "exact")


def test_another_dtype_than_float32_is_only_within_rounding(demo_model: EngineModel) -> None:
    exact = capabilities(replace(demo_model.info, engine="vllm"))
    rounded = capabilities(replace(demo_model.info, engine="vllm", dtype="bfloat16"))
    for one, other in zip(exact, rounded, strict=True):
        if one.level == "exact" and one.questions != "/tokenize":
            assert other.level == "within rounding"
        else:
            assert other == one
