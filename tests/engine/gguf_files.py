"""GGUF files of the demo model, written as llama.cpp's converter writes them, whole or damaged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf.quants import quantize
from safetensors.torch import load_file
from transformers import Lfm2Config, Lfm2ForCausalLM

from bot.engine.model_files import DEMO_FOLDER

CONTROL, NORMAL = 3, 1  # token types
LFM2_NAMES = {
    "embedding_norm": "token_embd_norm",
    "operator_norm": "attn_norm",
    "self_attn.out_proj": "attn_output",
    "self_attn.q_layernorm": "attn_q_norm",
    "self_attn.k_layernorm": "attn_k_norm",
    "feed_forward.w1": "ffn_gate",
    "feed_forward.w3": "ffn_up",
    "feed_forward.w2": "ffn_down",
    "conv.in_proj": "shortconv.in_proj",
    "conv.out_proj": "shortconv.out_proj",
    "conv.conv": "shortconv.conv",
    "ffn_norm": "ffn_norm",
}
NAMES = {
    "embed_tokens": "token_embd",
    "norm": "output_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}

Tensors = dict[str, Any]


def write_gguf(
    target: Path,
    *,
    architecture: str = "qwen2",
    quantization: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.Q4_1,
    file_type: int | None = gguf.LlamaFileType.MOSTLY_Q4_1,
    metadata: dict[str, int] | None = None,
    change: Callable[[Tensors], None] = lambda _: None,
) -> Path:
    """Write the demo model. `metadata` is added or replaces whole numbers; `change` changes the tensors in place."""
    config = json.loads((DEMO_FOLDER / "config.json").read_text())
    numbers = {
        f"{architecture}.context_length": config["max_position_embeddings"],
        f"{architecture}.embedding_length": config["hidden_size"],
        f"{architecture}.block_count": config["num_hidden_layers"],
        f"{architecture}.feed_forward_length": config["intermediate_size"],
        f"{architecture}.attention.head_count": config["num_attention_heads"],
        f"{architecture}.attention.head_count_kv": config["num_key_value_heads"],
        f"{architecture}.vocab_size": config["vocab_size"],
        "tokenizer.ggml.bos_token_id": config["bos_token_id"],
        "tokenizer.ggml.eos_token_id": config["eos_token_id"],
    } | (metadata or {})
    writer = gguf.GGUFWriter(target, architecture)
    for key, value in numbers.items():
        writer.add_uint32(key, value)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    if file_type is not None:
        writer.add_file_type(file_type)
    add_vocabulary(writer)
    tensors = {gguf_name(name): tensor.float().numpy() for name, tensor in demo_tensors().items()}
    change(tensors)
    for name, tensor in tensors.items():
        if tensor.ndim == 1:
            writer.add_tensor(name, tensor)
        else:
            writer.add_tensor(name, quantize(tensor, quantization), raw_dtype=quantization)
    finish(writer)
    return target


def demo_tensors() -> Tensors:
    """Return the demo model's tensors by transformers' names."""
    return dict(load_file(DEMO_FOLDER / "model.safetensors"))


def add_vocabulary(writer: gguf.GGUFWriter) -> None:
    """Add the demo model's tokens and merges."""
    tokenizer = json.loads((DEMO_FOLDER / "tokenizer.json").read_text())
    tokens = sorted(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].get)
    control = {token["content"] for token in tokenizer["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([CONTROL if token in control else NORMAL for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in tokenizer["model"]["merges"]])


def write_lfm2(target: Path) -> Path:
    """Write a random LFM2, which transformers loads with another reader than the demo model, in Q8_0."""
    torch.manual_seed(3)
    kv_heads = [0, 2]  # none in a convolution
    model = Lfm2ForCausalLM(
        Lfm2Config(
            vocab_size=4096, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, layer_types=["conv", "full_attention"], block_auto_adjust_ff_dim=False,
            max_position_embeddings=512, initializer_range=0.3,
        )
    )  # fmt: skip
    writer = gguf.GGUFWriter(target, "lfm2")
    for key, value in {
        "context_length": 512, "embedding_length": 64, "block_count": 2, "feed_forward_length": 128,
        "attention.head_count": 4, "shortconv.l_cache": model.config.conv_L_cache,
    }.items():  # fmt: skip
        writer.add_uint32(f"lfm2.{key}", value)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(model.config.norm_eps)
    writer.add_rope_freq_base(10_000.0)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_eos_token_id(0)
    add_vocabulary(writer)
    for name, tensor in model.model.state_dict().items():
        written = gguf_name(f"model.{name}", LFM2_NAMES)
        values = tensor.squeeze(1).numpy() if name.endswith("conv.conv.weight") else tensor.numpy()
        if values.ndim == 1 or values.shape[-1] % 32:
            writer.add_tensor(written, values)
        else:
            q8 = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(written, quantize(values, q8), raw_dtype=q8)
    finish(writer)
    return target


def finish(writer: gguf.GGUFWriter) -> None:
    """Write everything to the file."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_name(name: str, names: dict[str, str] = NAMES) -> str:
    """Return GGUF's name for one of transformers' tensors."""
    path, _, kind = name.removeprefix("model.").rpartition(".")
    names = NAMES | names
    if path in names:
        return f"{names[path]}.{kind}"
    _, layer, part = path.split(".", 2)
    return f"blk.{layer}.{names[part]}.{kind}"


def cut_rows(tensors: Tensors) -> None:
    """Make one matrix smaller than the header says."""
    tensors["blk.0.ffn_up.weight"] = np.ascontiguousarray(tensors["blk.0.ffn_up.weight"][:64])
