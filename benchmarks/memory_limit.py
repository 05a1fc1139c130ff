"""How fast the device reads its memory. A single text can't be decoded faster than the weights can be read."""

import time

import torch

from benchmarks.machine import device
from bot.cli.bench.work import median

BYTES = 800_000_000
READS = 7


def bytes_per_second() -> float:
    """Return the median speed of summing 800 MB of float32."""
    numbers = torch.ones(BYTES // 4, device=device())
    speeds = []
    for _ in range(READS):
        began = time.perf_counter()
        float(numbers.sum())  # waits for an accelerator
        speeds.append(BYTES / (time.perf_counter() - began))
    return median(speeds)
