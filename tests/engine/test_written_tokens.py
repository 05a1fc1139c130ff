"""The probability of each new token, and the others in its place, against a plain forward pass over the whole text."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from bot.engine.model import EngineModel
from bot.engine.transformers.decoding import token_choice
from bot.engine.transformers.loading import load_model
from bot.questions.continuation import Continuation, ContinuationQuestion
from bot.questions.generation import GenerationParameters
from tests.engine.small_models import plain_model, random_model
from tests.engine.together import together

TOLERANCE = 1e-5
PROMPTS = ("Once upon a time", "It was a dark and stormy", "The")
WAYS: list[dict[str, Any]] = [
    {},
    {"repetition_penalty": 1.7},
    {"strategy": "sample", "seed": 4, "temperature": 1.6, "top_k": 0, "top_p": 1.0},
    {"strategy": "sample", "seed": 5, "temperature": 0.5, "top_k": 3, "repetition_penalty": 1.3},
    {"strategy": "beam", "num_beams": 3},
    {"strategy": "beam", "num_beams": 3, "repetition_penalty": 1.5},
]
each_way = pytest.mark.parametrize(
    "options", WAYS, ids=lambda options: "-".join(map(str, options.values())) or "greedy"
)


def asked(prompt: str, written: tuple[int, ...] = (), **options: Any) -> ContinuationQuestion:
    return ContinuationQuestion(prompt, GenerationParameters.from_options(max_new_tokens=14, **options), written)


def check_tokens(result: Continuation, plain: Any) -> None:
    """Assert that each new token has plain transformers' probability, and that the most probable others are listed."""
    new_ids = result.output_ids[result.written_before :]
    assert [token.token.id for token in result.tokens] == list(new_ids)
    ids = [*result.input_ids, *result.output_ids]
    with torch.no_grad():
        logits = plain(torch.tensor([ids])).logits[0, len(ids) - len(new_ids) - 1 : -1].float()
    for token, probabilities in zip(result.tokens, logits.softmax(-1), strict=True):
        assert token.probability == pytest.approx(probabilities[token.token.id].item(), abs=TOLERANCE)
        best, ids_of_best = probabilities.topk(4)
        expected = dict(zip(ids_of_best.tolist(), best.tolist(), strict=True))
        expected.pop(token.token.id, None)
        assert len(token.others) == 3
        assert [other.probability for other in token.others] == pytest.approx(
            list(expected.values())[:3], abs=TOLERANCE
        )
        for other in token.others:
            assert other.token.id != token.token.id
            assert other.probability == pytest.approx(probabilities[other.token.id].item(), abs=TOLERANCE)


@each_way
def test_each_token_has_plain_transformers_probabilities(
    ours: EngineModel, plain: Any, options: dict[str, Any]
) -> None:
    for prompt in PROMPTS:
        check_tokens(ours.answer(asked(prompt, **options)), plain)


def test_they_are_the_same_beside_other_requests(ours: EngineModel, plain: Any) -> None:
    questions = [asked(prompt, **options) for prompt in PROMPTS for options in WAYS]
    for result in together([partial(ours.answer, question) for question in questions]):
        check_tokens(result, plain)


@each_way
def test_a_continued_text_has_them_for_its_new_tokens(ours: EngineModel, plain: Any, options: dict[str, Any]) -> None:
    first = ours.answer(asked(PROMPTS[0], **options))
    result = ours.answer(asked(PROMPTS[0], first.output_ids[:5], **options))
    assert (result.written_before, len(result.tokens)) == (5, len(result.output_ids) - 5)
    check_tokens(result, plain)


def test_a_text_ends_where_a_person_chose_its_end(demo_model: EngineModel) -> None:
    (end,) = demo_model.engine.codec.end_ids
    result = demo_model.answer(asked(PROMPTS[0], (300, end)))
    assert (result.output_ids, result.finish_reason, result.tokens) == ((300, end), "stop", ())


@pytest.mark.parametrize("options", WAYS[1:3], ids=["greedy", "sample"])
def test_a_model_that_only_transformers_generate_can_run(tmp_path: Path, options: dict[str, Any]) -> None:
    config = transformers.MambaConfig(vocab_size=4096, hidden_size=64, num_hidden_layers=2, state_size=4)
    folder = random_model(tmp_path / "mamba", config)
    model = load_model(str(folder), max_prompt_tokens=100)
    assert not model.engine.passes.supports_incremental  # type: ignore[attr-defined]  # transformers' engine
    check_tokens(model.answer(asked(PROMPTS[1], **options)), plain_model(folder))


@pytest.mark.parametrize("size", [2, 3, 5, 127, 128, 129, 700, 151_936])
@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (30, 0), (5, -150), (5, 150), (0, 7)])
def test_any_logits_give_the_numbers_of_a_softmax_in_float64(size: int, scale: float, shift: float) -> None:
    logits = torch.randn(size, generator=torch.Generator().manual_seed(size)) * scale + shift
    expected = logits.double().log_softmax(-1)
    id_ = size // 2
    choice = token_choice(logits, id_)
    best = list(expected.sort(descending=True).values.tolist())
    assert choice.token.log_probability == pytest.approx(expected[id_].item(), abs=TOLERANCE, rel=TOLERANCE)
    assert len({choice.token.id, *(other.id for other in choice.others)}) == 1 + min(3, size - 1)
    for other in choice.others:
        assert other.log_probability == pytest.approx(expected[other.id].item(), abs=TOLERANCE, rel=TOLERANCE)
    found = sorted([choice.token.log_probability, *(other.log_probability for other in choice.others)], reverse=True)
    assert found[:3] == pytest.approx(best[: len(found)][:3], abs=TOLERANCE, rel=TOLERANCE)
