"""Memory between passes, and without work."""

import ctypes
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from bot.engine.memory import free_garbage, give_back_kept, keep_free_memory

BLOCKS = (30_000_000, 25_000_000, 20_000_000, 15_000_000)  # bytes; more together than a part of a thread's heap has
PASSES = f"""
import resource
import threading

import psutil
import torch

from bot.engine.memory import give_back_kept
from bot.engine.transformers.loading import load_model

load_model("demo", max_prompt_tokens=100)
process = psutil.Process()

def one_pass():
    return [torch.empty(size, dtype=torch.uint8).fill_(1) for size in {BLOCKS}]

def passes():
    give_back_kept()
    at_first = process.memory_info().rss
    one_pass()
    cleared = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        one_pass()
    cleared = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - cleared
    kept = process.memory_info().rss - at_first
    give_back_kept()
    print(cleared * resource.getpagesize(), kept, process.memory_info().rss - at_first)

thread = threading.Thread(target=passes)  # as the executor's, with a heap of its own
thread.start()
thread.join()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's memory can be kept")
def test_a_pass_reuses_memory_until_it_is_given_back() -> None:
    """In a process of its own, because its memory is measured."""
    result = subprocess.run([sys.executable, "-c", PASSES], check=True, capture_output=True, text=True)  # noqa: S603  # our own program
    cleared, kept, left = map(int, result.stdout.split())
    assert cleared < 3 * sum(BLOCKS)  # of ten times as much that the passes used
    assert kept > 0.5 * sum(BLOCKS)
    assert left < 0.1 * sum(BLOCKS)


@pytest.mark.parametrize("library", [SimpleNamespace(), TypeError()])
def test_without_glibc_memory_is_left_to_the_system(library: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS, and on Windows, where the name None is an error."""

    def load(_: None) -> object:
        if isinstance(library, TypeError):
            raise library
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)
    for change in (keep_free_memory, give_back_kept, free_garbage):
        change()
