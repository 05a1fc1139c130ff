"""What the processor can compute with, in words, and which kernels are correct on it."""

import platform
from collections.abc import Callable
from pathlib import Path

import torch

from bot.engine.transformers.kernels import LinearLayer
from bot.engine.transformers.kernels.choice import KERNELS, correct_kernels
from bot.engine.transformers.kernels.int4 import Int4Linear
from bot.engine.transformers.kernels.int8 import Int8Linear

_CPU_FACTS = Path("/proc/cpuinfo")
_FEATURES = {
    "amx_tile": "AMX", "avx512_bf16": "AVX-512 with bfloat16", "avx512_vnni": "AVX-512 with VNNI", "avx512f": "AVX-512",
    "avx_vnni": "AVX with VNNI", "avx2": "AVX2", "asimd": "NEON", "sve": "SVE", "bf16": "bfloat16",
}  # fmt: skip


def processor_text() -> str:
    """Return the processor's name, and the instructions that kernels can use."""
    try:
        lines = _CPU_FACTS.read_text().splitlines()
    except OSError:  # not on Linux
        return f"{platform.processor() or platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"
    facts = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    known = [text for flag, text in _FEATURES.items() if flag in flags]
    return f"{facts.get('model name') or platform.machine()}, {', '.join(known) or 'no vector instructions known'}"


def kernels_text(dtype: str) -> str:
    """Return the kernels for `dtype` that give correct numbers here, tried on a small layer."""
    if dtype not in KERNELS:
        return "plain weights"
    kinds = ("int4", "int8") if dtype == "int4" else (dtype,)
    names = [kernel.name for kind in kinds for kernel in correct_kernels([_layer(kind)], KERNELS[kind])]
    return "; ".join(names)


def _layer(dtype: str) -> LinearLayer:
    linear = torch.nn.Linear(128, 64, dtype=torch.float32 if dtype == "float32" else torch.bfloat16)
    scratch = torch.empty(linear.weight.numel(), dtype=torch.bfloat16)
    rounded: dict[str, Callable[[], LinearLayer]] = {
        "int8": lambda: Int8Linear(linear, scratch),
        "int4": lambda: Int4Linear(linear, scratch),
    }
    return rounded[dtype]() if dtype in rounded else linear
