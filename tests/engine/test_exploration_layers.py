"""The readings after each layer equal plain transformers' hidden states, read by its own norm and output layer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import PreTrainedConfig

from bot.engine.model import EngineModel
from bot.engine.transformers.loading import load_model
from bot.errors import EmptyPrompt, LayersUnsupported, OptionOutOfRange
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.layers import LayerReadings, LayersQuestion
from bot.questions.topk import TopKQuestion
from bot.questions.xray import XrayQuestion
from tests.engine.exploring import ODD_TEXTS
from tests.engine.requests import Start
from tests.engine.small_models import SMALL, llama, plain_model, random_model

Read = Callable[[Any, torch.Tensor], torch.Tensor]  # from a plain model and normalised states to its logits
GROUPED: dict[str, Any] = {**SMALL, "num_key_value_heads": 2, "head_dim": 32, "max_position_embeddings": 256}


def by_head(model: Any, states: torch.Tensor) -> torch.Tensor:
    logits: torch.Tensor = model.lm_head(states)
    return logits


def by_soft_capped_head(model: Any, states: torch.Tensor) -> torch.Tensor:
    cap = model.config.final_logit_softcapping
    capped: torch.Tensor = torch.tanh(model.lm_head(states) / cap) * cap
    return capped


def by_scaled_head(model: Any, states: torch.Tensor) -> torch.Tensor:
    logits: torch.Tensor = model.lm_head(states) / model.config.logits_scaling
    return logits


MODELS: dict[str, tuple[Callable[[], PreTrainedConfig], str, Read]] = {
    "Llama, our forward pass": (llama, "model.norm", by_head),
    "Gemma 2, soft caps": (
        lambda: transformers.Gemma2Config(**GROUPED, final_logit_softcapping=5.0), "model.norm", by_soft_capped_head,
    ),
    "Granite, scaled logits": (
        lambda: transformers.GraniteConfig(**SMALL, logits_scaling=3.0), "model.norm", by_scaled_head,
    ),
    "GPT-2": (
        lambda: transformers.GPT2Config(
            vocab_size=4096, n_embd=64, n_layer=2, n_head=4, n_positions=256, bos_token_id=0, eos_token_id=0,
            initializer_range=0.3,
        ), "transformer.ln_f", by_head,
    ),
}  # fmt: skip


def assert_equal_to_plain(result: LayerReadings, plain: Any, norm: str, read: Read) -> None:
    """Assert that all probabilities are those of plain transformers, whose last hidden states are normalised."""
    with torch.no_grad():
        whole = plain(torch.tensor([list(result.input_ids)]), output_hidden_states=True)
        *states, last = whole.hidden_states
        normalise = plain.get_submodule(norm)
        logits = [read(plain, state)[0] for state in [*map(normalise, states), last]]
    torch.testing.assert_close(logits[-1], whole.logits[0], rtol=1e-4, atol=1e-4)  # the reading is right
    assert [layer.number for layer in result.layers] == list(range(len(states) + 1))
    first = len(result.input_ids) - len(result.tokens)
    assert [token.id for token in result.tokens] == list(result.input_ids)[first:]
    for layer, expected in zip(result.layers, logits, strict=True):
        assert [reading.position for reading in layer.positions] == list(range(first, len(result.input_ids)))
        for reading in layer.positions:
            probabilities = expected[reading.position].softmax(0)
            chances = expected[reading.position].double().softmax(0)
            bits = -(chances * chances.clamp(min=1e-300).log2()).sum().item()
            assert reading.entropy == pytest.approx(bits, abs=1e-4)
            assert [entry.probability for entry in reading.top] == pytest.approx(
                probabilities.topk(len(reading.top)).values.tolist(), abs=1e-5
            )
            assert [entry.probability for entry in reading.top] == pytest.approx(
                [probabilities[entry.token.id].item() for entry in reading.top], abs=1e-5
            )


@pytest.mark.parametrize("text", [*ODD_TEXTS, "and then " * 150], ids=[*map(repr, ODD_TEXTS), "300 tokens"])
def test_every_cell_of_the_demo_model(ours: EngineModel, plain: Any, text: str) -> None:
    assert_equal_to_plain(ours.answer(LayersQuestion(text, 8)), plain, "model.norm", by_head)


@pytest.mark.parametrize("name", MODELS)
def test_every_cell_of_other_models(name: str, tmp_path: Path) -> None:
    config, norm, read = MODELS[name]
    folder = random_model(tmp_path, config())
    model = load_model(str(folder), max_prompt_tokens=200)
    assert model.info.engine_path.startswith("own forward pass") == name.endswith("our forward pass")
    result = model.answer(LayersQuestion("It was a dark and stormy night, and then", 6))
    assert_equal_to_plain(result, plain_model(folder), norm, read)


def test_the_last_layer_is_the_next_token_of_topk(demo_model: EngineModel) -> None:
    prompt = "The old man looked at the"
    own = demo_model.answer(TopKQuestion(prompt, 5)).next_tokens.candidates
    last = demo_model.answer(LayersQuestion(prompt, 3)).layers[-1].positions[-1].top
    assert [entry.token for entry in last] == [candidate.token for candidate in own]
    assert [entry.probability for entry in last] == pytest.approx([entry.probability for entry in own], abs=1e-6)


def test_earlier_texts_that_are_kept_change_nothing(ours: EngineModel, plain: Any) -> None:
    text = "The old man looked at the sea and thought of the fish, which he had not seen for many long days. Then he"
    question = LayersQuestion(text, 4)
    alone = ours.answer(question)
    ours.answer(XrayQuestion(text))
    ours.answer(ContinuationQuestion(text, GenerationParameters.from_options(strategy="greedy")))
    assert_equal_to_plain(ours.answer(question), plain, "model.norm", by_head)
    assert_equal_to_plain(alone, plain, "model.norm", by_head)


async def test_others_are_answered_beside_it(start: Start, ours: EngineModel, plain: Any) -> None:
    executor = start(ours)
    parameters = GenerationParameters.from_options(strategy="greedy", max_new_tokens=30)
    prompt = "Once upon a time"
    expected = ours.answer(ContinuationQuestion(prompt, parameters)).output_ids
    writing = executor.submit(1, ContinuationQuestion(prompt, parameters))
    reading = executor.submit(2, LayersQuestion("The old man looked at the", 5))
    after = executor.submit(3, TopKQuestion(prompt, 3))
    assert (await writing).result.output_ids == expected
    assert_equal_to_plain((await reading).result, plain, "model.norm", by_head)
    own = ours.answer(TopKQuestion(prompt, 3)).next_tokens.candidates
    beside = (await after).result.next_tokens.candidates
    assert [entry.probability for entry in beside] == pytest.approx([entry.probability for entry in own], abs=1e-5)


def test_positions_are_limited_to_the_prompt_and_to_64(demo_model: EngineModel) -> None:
    assert len(demo_model.answer(LayersQuestion("Once", 8)).tokens) == len(
        demo_model.answer(LayersQuestion("Once", 64)).tokens
    )
    for positions in (0, 65):
        with pytest.raises(OptionOutOfRange, match="positions"):
            demo_model.answer(LayersQuestion("Once", positions))
    with pytest.raises(EmptyPrompt):
        demo_model.answer(LayersQuestion("", 6))


def test_from_which_layer_on_the_answer_leads(demo_model: EngineModel) -> None:
    result = demo_model.answer(LayersQuestion("It was a dark and stormy", 1))
    firsts = [layer.positions[0].top[0].token.id for layer in result.layers]
    leads = result.leads_from
    assert set(firsts[leads:]) == {firsts[-1]}
    assert leads == 0 or firsts[leads - 1] != firsts[-1]


def test_a_model_without_hidden_states_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(str(random_model(tmp_path, transformers.GraniteConfig(**SMALL))), max_prompt_tokens=100)
    forward = transformers.GraniteForCausalLM.forward

    def without_states(self: Any, *arguments: Any, output_hidden_states: bool = False, **options: Any) -> Any:
        return forward(self, *arguments, **options)

    monkeypatch.setattr(transformers.GraniteForCausalLM, "forward", without_states)
    with pytest.raises(LayersUnsupported, match="it doesn't return its hidden states"):
        model.answer(LayersQuestion("Once upon a time", 3))


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
@pytest.mark.usefixtures("on_cpu")
def test_a_lower_precision_reads_the_layers_too(demo_model: EngineModel, dtype: str) -> None:
    question = LayersQuestion("It was a dark and stormy", 2)
    exact = demo_model.answer(question)
    rounded = load_model("demo", dtype=dtype, max_prompt_tokens=100).answer(question)
    assert len(exact.layers) == len(rounded.layers)
    assert rounded.answers[-1].token == exact.answers[-1].token
