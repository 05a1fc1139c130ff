"""`make bench` and `make bench-peers`: measure everything, and write benchmarks/results.md and its picture."""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import precision
from benchmarks.figures import System, engine, other
from benchmarks.make_model import make_model
from benchmarks.memory_limit import bytes_per_second
from benchmarks.picture import draw
from benchmarks.report import BASE, PEER, machine, report

NEW_TOKENS = 32
DTYPES = ("float32", "bfloat16", "int8")
ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results.md"
PICTURE = ROOT / "docs" / "pictures" / "benchmark.png"


def main() -> None:
    """Measure everything, one process at a time, and write the tables and the picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--peers", action="store_true", help="also measure vLLM and llama.cpp; installs them in build/")
    peers = parser.parse_args().peers
    with tempfile.TemporaryDirectory() as folder:
        print("Making a model with the shape of Qwen2-0.5B …", flush=True)
        make_model(Path(folder))
        systems = [other(BASE, run_module("benchmarks.notebooks_way", folder, "float32", str(NEW_TOKENS)))]
        if peers:
            systems += measure_peers(folder)
        for dtype in DTYPES:
            arguments = ("--json", "--model", folder, "--dtype", dtype, "--new-tokens", str(NEW_TOKENS))
            profile = run_module("benchmarks.step_profile", folder, dtype)
            systems.append(engine(dtype, run_module("bot", "bench", *arguments), profile))
    command = "make bench-peers" if peers else "make bench"
    text = report(systems, precision.measure(), bytes_per_second(), command, NEW_TOKENS)
    RESULTS.write_text(text)
    draw(systems, f"a model with the shape of Qwen2-0.5B · {machine()}", PICTURE)
    print(text)


def measure_peers(folder: str) -> list[System]:
    """Return the peers that can be installed and run here. Print which can't."""
    peers = []
    for name, module in (("llama.cpp, bfloat16", "benchmarks.llama_cpp_peer"), (PEER, "benchmarks.vllm_peer")):
        try:
            peers.append(other(name, run_module(module, folder, str(NEW_TOKENS))))
        except subprocess.CalledProcessError as error:
            print(
                f"{name} was not measured: it failed with exit code {error.returncode}. Its output is above.",
                flush=True,
            )
    return peers


def run_module(module: str, *arguments: str) -> Any:
    """Run a module and return the JSON object that it prints."""
    print(f"Measuring {module} {' '.join(arguments[1:])} …", flush=True)
    run = subprocess.run([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, check=True)  # noqa: S603  # this interpreter
    return json.loads(run.stdout.splitlines()[-1])


main()
