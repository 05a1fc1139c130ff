"""Runs in llama.cpp's own environment: convert a Qwen2 checkpoint in bfloat16 to GGUF, and measure.

usage: python llama_cpp_script.py FOLDER GGUF < work.json
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy
from llama_cpp import Llama

LAYER = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip


def main() -> None:
    """Print tokens/s and reviews/s as JSON."""
    folder, target = Path(sys.argv[1]), sys.argv[2]
    work = json.load(sys.stdin)
    convert(folder, target)
    model = Llama(target, n_ctx=2048, n_threads=os.cpu_count(), n_threads_batch=os.cpu_count(), verbose=False)
    generate(model, work["prompts"][0], 4)  # warm up
    speeds = [generate(model, prompt, work["new_tokens"]) for prompt in work["prompts"]]
    scored = [score(model, review) for review in work["reviews"]]
    print(json.dumps({"tokens_per_second": statistics.median(speeds), "reviews_per_second": statistics.median(scored)}))


def generate(model: Any, prompt: list[int], count: int) -> float:
    """Return the new tokens per second, including the prompt's time."""
    model.reset()
    began = time.perf_counter()
    for number, _ in enumerate(model.generate(prompt, temp=0.0, reset=True), start=1):
        if number == count:
            break
    return count / (time.perf_counter() - began)


def score(model: Any, review: list[int]) -> float:
    """Return the reviews per second."""
    model.reset()
    began = time.perf_counter()
    model.eval(review)
    return 1 / (time.perf_counter() - began)


def convert(folder: Path, target: str) -> None:
    """Write the checkpoint as GGUF, without a vocabulary, because the input is token ids."""
    config = json.loads((folder / "config.json").read_text())
    writer = gguf.GGUFWriter(target, "qwen2")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base((config.get("rope_parameters") or config)["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("none")
    for name, bits in read_bfloat16(folder / "model.safetensors"):
        if bits.ndim == 1:
            widened = (bits.astype(numpy.uint32) << 16).view(numpy.float32)
            writer.add_tensor(gguf_name(name), widened)
        else:
            writer.add_tensor(gguf_name(name), bits.view(numpy.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_bfloat16(file: Path) -> Iterator[tuple[str, Any]]:
    """Yield each tensor's name and its bits as uint16, because numpy has no bfloat16."""
    content = numpy.memmap(file, mode="r")
    start = 8 + int.from_bytes(content[:8].tobytes(), "little")
    for name, entry in json.loads(content[8:start].tobytes()).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            yield name, numpy.array(content[start + begin : start + end]).view(numpy.uint16).reshape(entry["shape"])


def gguf_name(name: str) -> str:
    """Return GGUF's name for the tensor `name` of transformers' Qwen2."""
    whole = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    if name in whole:
        return whole[name]
    _, _, layer, rest = name.split(".", 3)
    part, _, kind = rest.rpartition(".")
    return f"blk.{layer}.{LAYER[part]}.{kind}"


main()
