"""The machine of a run: processor, cores and versions."""

import datetime
import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")


def describe_machine() -> dict[str, Any]:
    """Return the machine as JSON values."""
    return {
        "processor": processor(),
        "instructions": [name for name in INSTRUCTIONS if name in _facts().get("flags", "").split()],
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in ("torch", "transformers")},
    }


def device() -> str:
    """Return where the models are computed: "cuda" or "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def in_words(date: str, machine: dict[str, Any]) -> str:
    """Return the date, the processor and the versions as text."""
    matrix = ", ".join(_matrix_instructions(machine)) or "no bfloat16 instructions"
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    cores = machine["cores"]
    accelerator = f"{card} beside " if (card := machine.get("accelerator")) else ""
    return (
        f"{date}: {accelerator}{machine['processor']} ({matrix}), {cores} cores, Python {machine['python']}, {versions}"
    )


def today() -> str:
    """Return the date, YYYY-MM-DD."""
    return str(datetime.datetime.now(tz=datetime.UTC).date())


def file_name(date: str, machine: dict[str, Any]) -> str:
    """Return a run's file name: its date, accelerator and processor, with its matrix instructions."""
    words = " ".join(
        [machine.get("accelerator") or "", re.sub(r"\(.*?\)", "", machine["processor"]), *_matrix_instructions(machine)]
    )
    return "-".join([date, *re.findall(r"[a-z0-9_]+", words.lower())]) + ".json"


def _matrix_instructions(machine: dict[str, Any]) -> list[str]:
    return [name for name in machine["instructions"] if name.endswith(("_bf16", "amx_int8"))]


def processor() -> str:
    """Return the processor's name, or its architecture."""
    return _facts().get("model name") or platform.processor() or platform.machine()


def _facts() -> dict[str, str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return {}
    return {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}
