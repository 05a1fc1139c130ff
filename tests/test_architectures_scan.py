"""The scan over transformers' classes: it finds them all, compares each with plain transformers, checks refusals."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from benchmarks.architectures.comparison import Comparison, compare
from benchmarks.architectures.tiny_models import causal_classes, make_tiny
from bot.engine import primitives
from bot.engine.primitives import RankedScore
from bot.engine.tokenizer import TextCodec
from bot.questions.tokens import TokenProbability

SCANNED = Path(__file__).parents[1] / "docs" / "reference" / "architectures.md"


def tiny_model(model_type: str, folder: Path) -> Path:
    make_tiny(model_type, folder)
    return folder


def test_every_class_of_transformers_is_in_the_table() -> None:
    classes = causal_classes()
    assert set(classes.values()) <= set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
    assert len(classes) > 100
    table = SCANNED.read_text()
    assert "`Qwen2ForCausalLM` | equal |" in table
    assert "| differs | 0 |" in table


@pytest.mark.parametrize(
    ("model_type", "outcome"),
    [
        ("llama", "equal"),
        ("deepseek_v3", "equal"),
        ("moshi", "equal, own path"),
        ("recurrent_gemma", "equal, own path"),
        ("prophetnet", "equal, own path"),
        ("xlnet", "refused"),
        ("xmod", "refused"),
    ],
)
def test_the_scan_has_the_expected_outcome(model_type: str, outcome: str, tmp_path: Path) -> None:
    assert compare(tiny_model(model_type, tmp_path)).outcome == outcome


def test_a_refusal_for_a_wrong_reason_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.engine.transformers.self_test.CAUSAL_TOLERANCE", {torch.float32: -1.0})
    comparison = compare(tiny_model("llama", tmp_path))
    assert comparison == Comparison(
        "differs",
        "refused for a wrong reason: it gives different numbers for the same text",
    )


def test_numbers_that_differ_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = primitives.candidates

    def a_little_more(scores: Iterable[RankedScore], codec: TextCodec) -> tuple[TokenProbability, ...]:
        return tuple(replace(candidate, logit=(candidate.logit or 0.0) + 0.01) for candidate in exact(scores, codec))

    monkeypatch.setattr("bot.engine.topk.candidates", a_little_more)
    comparison = compare(tiny_model("llama", tmp_path))
    assert comparison.outcome == "differs"
    assert comparison.reason.startswith("topk: figures differ by")
