"""Make a model with the shape of Qwen2-0.5B and random values. Speed doesn't depend on the values."""

import shutil
from pathlib import Path

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from bot.engine.model_files import DEMO_FOLDER


def make_model(folder: Path) -> None:
    """Write 494 million parameters in bfloat16, with the demo model's tokenizer, into `folder`."""
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=151_936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
        num_key_value_heads=2, max_position_embeddings=131_072, tie_word_embeddings=True, bos_token_id=None,
        eos_token_id=None,
    )  # fmt: skip
    Qwen2ForCausalLM(config).bfloat16().save_pretrained(folder)
    for file in DEMO_FOLDER.glob("*token*"):
        shutil.copy(file, folder / file.name)
