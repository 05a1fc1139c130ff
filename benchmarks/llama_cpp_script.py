"""Runs in llama.cpp's own environment: convert a Qwen2 or Llama checkpoint to GGUF, and measure one.

usage: python llama_cpp_script.py convert FOLDER GGUF {bfloat16,Q8_0,Q4_0}
       python llama_cpp_script.py measure GGUF < work.json
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
import llama_cpp
import numpy
from llama_cpp import Llama

LAYER = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip


CORES = os.cpu_count() or 1


def main() -> None:
    """Convert, or print the figures as JSON."""
    if sys.argv[1] == "convert":
        folder, target, kind = Path(sys.argv[2]), sys.argv[3], sys.argv[4]
        convert(folder, target)
        if kind != "bfloat16":
            quantize(target, kind)
    else:
        print(json.dumps(measure(sys.argv[2], json.load(sys.stdin))))


def measure(file: str, work: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of one text at a time, by the prompt's number of words."""
    model = Llama(file, n_ctx=2048, n_threads=CORES, n_threads_batch=CORES, verbose=False)
    speeds: dict[str, dict[str, float]] = {}
    first: dict[str, dict[str, float]] = {}
    for length, prompt in work["prompts"].items():
        generate(model, prompt, 4)  # warm up
        seconds, whole = generate(model, prompt, work["new_tokens"])
        speeds[length], first[length] = {"1": work["new_tokens"] / whole}, {"1": seconds}
    scored = [score(model, review) for review in work["reviews"]]
    return {
        "tokens_per_second": speeds,
        "first_token_seconds": first,
        "reviews_per_second": statistics.median(scored),
        "peak_memory_bytes": peak_memory(),
    }


def peak_memory() -> int:
    """Return this process's peak in bytes. getrusage would say that of the process that started it, if higher."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def generate(model: Any, prompt: list[int], count: int) -> tuple[float, float]:
    """Return the seconds to the first new token, and to the last of `count`."""
    model.reset()
    began = time.perf_counter()
    first = 0.0
    for number, _ in enumerate(model.generate(prompt, temp=0.0, reset=True), start=1):
        first = first or time.perf_counter() - began
        if number == count:
            break
    return first, time.perf_counter() - began


def score(model: Any, review: list[int]) -> float:
    """Return the reviews per second."""
    model.reset()
    began = time.perf_counter()
    model.eval(review)
    return 1 / (time.perf_counter() - began)


def convert(folder: Path, target: str) -> None:
    """Write the checkpoint as GGUF, without a vocabulary, because the input is token ids."""
    config = json.loads((folder / "config.json").read_text())
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    writer = gguf.GGUFWriter(target, config["model_type"])
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
    for name, values in read_bfloat16(folder / "model.safetensors"):
        part = name.split(".")[-2]
        bits = interleave(values, heads[part]) if config["model_type"] == "llama" and part in heads else values
        if bits.ndim == 1:
            widened = (bits.astype(numpy.uint32) << 16).view(numpy.float32)
            writer.add_tensor(gguf_name(name), widened)
        else:
            writer.add_tensor(gguf_name(name), bits.view(numpy.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def quantize(file: str, kind: str) -> None:
    """Replace a GGUF file by its quantization."""
    options = llama_cpp.llama_model_quantize_default_params()
    options.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind}")
    options.nthread = CORES
    if llama_cpp.llama_model_quantize(file.encode(), f"{file}.{kind}".encode(), options):
        sys.exit(f"llama.cpp could not quantize the model to {kind}")
    Path(f"{file}.{kind}").replace(file)


def interleave(values: Any, heads: int) -> Any:
    """Return a Llama projection in llama.cpp's order: the two halves of each head's rotation take turns."""
    return values.reshape(heads, 2, -1, values.shape[1]).swapaxes(1, 2).reshape(values.shape)


def read_bfloat16(file: Path) -> Iterator[tuple[str, Any]]:
    """Yield each tensor's name and its bits in bfloat16 as uint16, because numpy has no bfloat16."""
    content = numpy.memmap(file, mode="r")
    start = 8 + int.from_bytes(content[:8].tobytes(), "little")
    for name, entry in json.loads(content[8:start].tobytes()).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        raw = numpy.array(content[start + begin : start + end])
        bits = raw.view(numpy.uint16) if entry["dtype"] == "BF16" else raw.view(numpy.uint16)[1::2]  # of float32
        yield name, numpy.ascontiguousarray(bits).reshape(entry["shape"])


def gguf_name(name: str) -> str:
    """Return GGUF's name for the tensor `name` of transformers' Qwen2."""
    whole = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    if name in whole:
        return whole[name]
    _, _, layer, rest = name.split(".", 3)
    part, _, kind = rest.rpartition(".")
    return f"blk.{layer}.{LAYER[part]}.{kind}"


main()
