"""The context length comes from the model's configuration, in any of its forms. If it's unknown, it is tried out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers
from transformers import PreTrainedConfig

from bot.engine.transformers.loading import load_model
from bot.errors import PromptTooLong
from bot.questions.topk import TopKQuestion
from tests.console import PROMPT, Console
from tests.engine.small_models import SMALL, llama, random_model, roberta, rwkv

LAYERS: dict[str, Any] = {"vocab_size": 4096, "initializer_range": 0.3, "n_layers": 2, "n_heads": 4, "d_model": 64}


def composite() -> PreTrainedConfig:
    text = SMALL | {"num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 8192, "sliding_window": 64}
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    return transformers.Gemma3Config(
        text_config=text, vision_config=vision | {"image_size": 28, "patch_size": 14}, image_token_index=4000,
        boi_token_index=4001, eoi_token_index=4002, mm_tokens_per_image=4,
    )  # fmt: skip


def no_length(name: str) -> PreTrainedConfig:
    options = {key: value for key, value in SMALL.items() if key not in {"num_attention_heads", "intermediate_size"}}
    return transformers.MambaConfig(**options, state_size=4) if name == "Mamba" else transformers.BloomConfig(
        vocab_size=4096, hidden_size=64, n_layer=2, n_head=4, initializer_range=0.3
    )  # fmt: skip


@pytest.mark.parametrize(
    ("config", "length"),
    [
        (llama, 256),
        (composite, 8192),
        (lambda: transformers.MptConfig(**LAYERS, max_seq_len=384), 384),
        (lambda: transformers.GPT2Config(vocab_size=4096, n_embd=64, n_layer=2, n_head=4, n_positions=64), 64),
        (lambda: transformers.CTRLConfig(vocab_size=4096, n_embd=64, dff=64, n_layer=2, n_head=4, n_positions=96), 96),
    ],
    ids=["Llama", "Gemma 3 with pictures", "MPT", "GPT-2", "CTRL"],
)
def test_the_context_length_is_the_configuration_s(
    config: Callable[[], PreTrainedConfig], length: int, tmp_path: Path
) -> None:
    model = load_model(str(random_model(tmp_path, config())), max_prompt_tokens=10_000)
    assert model.info.context_length == length


@pytest.mark.parametrize("name", ["Mamba", "Bloom"])
def test_with_an_unknown_context_length_prompts_within_the_limit_are_answered(name: str, tmp_path: Path) -> None:
    model = load_model(str(random_model(tmp_path, no_length(name))), max_prompt_tokens=300)
    assert model.info.context_length is None
    assert len(model.answer(TopKQuestion(" the" * 300, 1)).next_tokens.candidates) == 1
    with pytest.raises(PromptTooLong, match="has 301 tokens, but the limit is 300") as refusal:
        model.answer(TopKQuestion(" the" * 301, 1))
    assert "context" not in str(refusal.value)


def test_a_context_length_that_the_model_does_not_reach_is_corrected(tmp_path: Path) -> None:
    model = load_model(str(random_model(tmp_path, roberta())), max_prompt_tokens=1024)
    assert model.info.context_length == 128
    assert model.answer(TopKQuestion(" the" * 128, 1)).next_tokens.candidates
    with pytest.raises(PromptTooLong, match="the limit is 128"):
        model.answer(TopKQuestion(" the" * 129, 1))


def test_a_long_prompt_is_answered_by_a_composite_model(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = random_model(tmp_path, composite())
    monkeypatch.setenv("BOT_MAX_PROMPT_TOKENS", "8192")
    out, _ = console.run("topk", "-", "--model", str(folder), stdin=b" the" * 3002)
    assert "all others" in out


def test_a_model_with_a_state_has_its_configuration_s_context_length(tmp_path: Path) -> None:
    model = load_model(str(random_model(tmp_path, rwkv())), max_prompt_tokens=1024)
    assert model.info.context_length == 256
    assert model.answer(TopKQuestion(PROMPT, 1)).next_tokens.candidates
