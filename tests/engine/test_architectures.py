"""Other architectures: side by side they write what transformers' `generate` writes for each prompt alone."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM, PreTrainedConfig

from bot.engine.model_files import DEMO_FOLDER
from bot.engine.transformers.loading import load_model
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.tokenization import TokenizationQuestion
from tests.engine.together import written_together

PROMPTS = ("It was a dark and stormy", "Once upon a time there was a little girl who lived in a house", "The")
COMMON: dict[str, Any] = {
    "vocab_size": 4096,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": 0,
    "initializer_range": 0.3,
}
HEADS: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
}
GROUPED: dict[str, Any] = {**HEADS, "intermediate_size": 128, "num_key_value_heads": 2}

CONFIGURATIONS: dict[str, PreTrainedConfig] = {
    "Llama": transformers.LlamaConfig(**COMMON, **GROUPED),
    "Mistral, a sliding window": transformers.MistralConfig(**COMMON, **GROUPED, sliding_window=8),
    "Gemma 3, two kinds of layers": transformers.Gemma3TextConfig(
        **{**COMMON, **GROUPED, "num_hidden_layers": 7, "head_dim": 16, "sliding_window": 8}
    ),
    "GPT-2, learned positions": transformers.GPT2Config(**COMMON, n_embd=64, n_layer=2, n_head=4, n_positions=256),
    "GPT-NeoX": transformers.GPTNeoXConfig(**COMMON, **HEADS, intermediate_size=128),
    "OPT, positions from the mask": transformers.OPTConfig(**COMMON, **HEADS, ffn_dim=128, word_embed_proj_dim=64),
    "Bloom, no positions": transformers.BloomConfig(**COMMON, hidden_size=64, n_layer=2, n_head=4),
    "Mamba, no keys and values": transformers.MambaConfig(**COMMON, hidden_size=64, num_hidden_layers=2, state_size=4),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_architecture_writes_side_by_side_what_generate_writes_alone(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    reference = AutoModelForCausalLM.from_config(CONFIGURATIONS[name]).eval()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    reference.save_pretrained(tmp_path)
    for file in DEMO_FOLDER.glob("*token*"):
        shutil.copy(file, tmp_path / file.name)
    model = load_model(str(tmp_path), max_prompt_tokens=100)
    parameters = GenerationParameters.from_options(strategy="greedy", max_new_tokens=12)
    expected = []
    for prompt in PROMPTS:
        ids = torch.tensor([[token.id for token in model.answer(TokenizationQuestion(prompt))[0].tokens]])
        output = reference.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
        expected.append(output[0, ids.shape[1] :].tolist())
    assert [list(continuation.output_ids) for continuation in written_together(model, PROMPTS, parameters)] == expected
    assert [list(model.answer(ContinuationQuestion(prompt, parameters)).output_ids) for prompt in PROMPTS] == expected
