"""`make bench`: measure the engine and the notebooks' way in one run, and write benchmarks/results.md."""

import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.make_model import make_model

NEW_TOKENS = 32
RESULTS = Path(__file__).parent / "results.md"


def main() -> None:
    """Measure everything, one process after another, and write the table."""
    with tempfile.TemporaryDirectory() as folder:
        print("Making a model in the shape of Qwen2-0.5B …", flush=True)
        make_model(Path(folder))
        notebooks = measured("benchmarks.notebooks_way", folder, "float32", str(NEW_TOKENS))
        engine = {
            dtype: measured(
                "bot", "bench", "--json", "--model", folder, "--dtype", dtype, "--new-tokens", str(NEW_TOKENS)
            )
            for dtype in ("float32", "bfloat16")
        }
    text = report(notebooks, engine)
    RESULTS.write_text(text)
    print(text)


def measured(module: str, *arguments: str) -> Any:
    """Return what a module prints as JSON."""
    print(f"Measuring {module} {' '.join(arguments[1:])} …", flush=True)
    run = subprocess.run([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, check=True)  # noqa: S603  # our own interpreter
    return json.loads(run.stdout)


def report(notebooks: Any, engine: dict[str, Any]) -> str:
    """Return the table in Markdown."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    base = notebooks["tokens_per_second"]
    rows = [f"| the notebooks' way, float32 | any | {base:.1f} | 1.0 | | | {notebooks['reviews_per_second']:.1f} | | |"]
    for dtype, figures in engine.items():
        for burst in figures["continuations"]:
            speed, lag = burst["tokens_per_second"], burst["event_loop_lag_seconds"]["p99"]
            rows.append(
                f"| the engine, {dtype} | {burst['concurrency']} | {speed:.1f} | {speed / base:.1f} "
                f"| {burst['first_token_seconds']:.2f} s | {burst['token_seconds']['median'] * 1000:.0f} ms "
                f"| {figures['reviews_per_second']:.1f} | {lag * 1000:.0f} ms "
                f"| {figures['peak_memory_bytes'] / 1e9:.1f} GB |"
            )
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "transformers"))
    return "\n".join(
        [
            "# Benchmark",
            "",
            f"`make bench` on {today}: {processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
            f"{versions}.",
            "A model in the shape of Qwen2-0.5B (494 million random parameters); prompts of 30 words, "
            f"{NEW_TOKENS} new tokens, reviews of 60 words; medians of 3 rounds. Everything was measured in one run; "
            "compare figures within it only.",
            "",
            "| | at once | tokens/s | ratio | first token | next token | reviews/s | loop lag, p99 | peak memory |",
            "|---|---|---|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def processor() -> str:
    """Return the processor's name, where the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


main()
