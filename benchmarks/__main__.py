"""`make bench` and `make bench-peers`: measure everything in one run, and write benchmarks/results/ and the page.

`--model FOLDER` also measures a real model; with `--add-to RUN`, only that one, for the page of an earlier run of the
same day and machine. Each system is a module that prints one JSON object, and all of them are measured in turn.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import page, start
from benchmarks.machine import describe_machine, device, file_name, today
from benchmarks.make_model import make_model
from benchmarks.memory_limit import bytes_per_second
from benchmarks.turns import SPEEDS, TURNS, take_turns
from benchmarks.work import GROWTH_PEOPLE, GROWTH_WORDS, LONG_PROMPT_PEOPLE, LONG_PROMPT_WORDS, PEOPLE, REVIEWS
from bot.cli.bench.work import PROMPT_WORDS, REVIEW_WORDS

NEW_TOKENS = 32
DTYPES = {"cpu": ("float32", "bfloat16", "int8", "int4"), "cuda": ("float32", "bfloat16")}
GROWTH_DTYPE = {"cpu": "int8", "cuda": "bfloat16"}
RANDOM_MODEL = "a model with the shape of Qwen2-0.5B (494 million random parameters)"
PEERS = {
    "vLLM, bfloat16": ("benchmarks.vllm_peer",),
    "llama.cpp, bfloat16": ("benchmarks.llama_cpp_peer", "bfloat16"),
    "llama.cpp, Q8_0": ("benchmarks.llama_cpp_peer", "Q8_0"),
    "llama.cpp, Q4_0": ("benchmarks.llama_cpp_peer", "Q4_0"),
}
TOPK_RUNS = 7
CORES = str(os.cpu_count() or 1)
ENVIRONMENT = os.environ | {
    "OMP_NUM_THREADS": CORES, "BOT_THREADS": CORES, "BOT_BATCH_SIZE": str(max(PEOPLE)), "BOT_MAX_PROMPT_TOKENS": "1024",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # pages of 2 MB, for all systems
}  # fmt: skip


def main() -> None:
    """Measure everything, one process at a time, and write the run and the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--peers", action="store_true", help="also measure vLLM and llama.cpp; installs them in build/")
    parser.add_argument("--model", type=Path, help="also measure this folder's model")
    parser.add_argument("--new-tokens", type=int, default=NEW_TOKENS)
    parser.add_argument("--turns", type=int, default=TURNS, help="how often each system is measured (default 3)")
    parser.add_argument("--add-to", type=Path, metavar="RUN", help="measure only --model, and add it to this file")
    arguments = parser.parse_args()
    if arguments.add_to is not None and arguments.model is None:
        parser.error("--add-to needs --model, whose figures are added")
    if arguments.peers and device() != "cpu":
        parser.error("--peers compares engines on the processor. Hide the accelerator: CUDA_VISIBLE_DEVICES=''")
    machine = describe_machine()
    models = {} if arguments.model is None else {arguments.model.name: str(arguments.model)}
    if arguments.add_to is not None:
        run = run_to_add_to(arguments.add_to, machine)
        work = run["work"]
        run["models"] += measure_models(models, work["new_tokens"], arguments.turns, with_peers=arguments.peers)
        write(run, arguments.add_to)
        return
    with tempfile.TemporaryDirectory() as folder:
        print(f"Making {RANDOM_MODEL} …", flush=True)
        make_model(Path(folder))
        run = {
            "date": today(),
            "command": "make bench-peers" if arguments.peers else "make bench",
            "machine": machine | {"bytes_per_second": bytes_per_second()},
            "work": {
                "new_tokens": arguments.new_tokens, "prompt_words": PROMPT_WORDS, "review_words": REVIEW_WORDS,
                "long_prompt_words": LONG_PROMPT_WORDS, "turns": arguments.turns,
            },
            "models": measure_models(
                {RANDOM_MODEL: folder} | models, arguments.new_tokens, arguments.turns, with_peers=arguments.peers
            ),
            "topk_seconds": measure_topk() if device() == "cpu" else None,
            "precision": measured(
                {dtype: run_module("benchmarks.precision", dtype) for dtype in DTYPES[device()][1:]}
            ),
        }  # fmt: skip
    write(run, free_file(page.RESULTS / file_name(run["date"], machine)))


def run_to_add_to(file: Path, machine: dict[str, Any]) -> dict[str, Any]:
    """Return the run in `file`. Exits with a message if it is of another day or machine."""
    run: dict[str, Any] = json.loads(file.read_text())
    if run["date"] != today() or file_name(run["date"], run["machine"]) != file_name(today(), machine):
        sys.exit(f"{file.name} is of another day or machine. Measure both models in one run: leave out --add-to.")
    return run


def write(run: dict[str, Any], file: Path) -> None:
    """Write a run and the page."""
    file.write_text(json.dumps(run, indent=1) + "\n")
    page.write()
    print(f"Wrote {file.name} and the page.")


def free_file(file: Path) -> Path:
    """Return `file`, or one with a number if it exists: each run is kept."""
    names = (file.with_stem(f"{file.stem}-{number}") for number in itertools.count(2))
    return next(name for name in (file, *itertools.islice(names, 100)) if not name.exists())


def measure_models(models: dict[str, str], new_tokens: int, turns: int, *, with_peers: bool) -> list[dict[str, Any]]:
    """Return the figures of each model. `models` has its folder by its name."""
    return [
        {"name": name, **measure_model(folder, new_tokens, turns, with_peers=with_peers)}
        for name, folder in models.items()
    ]


def measure_model(folder: str, new_tokens: int, turns: int, *, with_peers: bool) -> dict[str, Any]:
    """Return the figures of each system that runs here, and how those of one dtype grow. Print which can't run."""
    dtype = GROWTH_DTYPE[device()]
    figures = take_turns(lambda extent: measure_systems(folder, new_tokens, extent, with_peers=with_peers), turns)
    growth = bench(folder, dtype, new_tokens, GROWTH_WORDS, GROWTH_PEOPLE, "--no-waiting")
    return {**figures, "growth": None if growth is None else {"dtype": dtype} | by_length(growth)}


def measure_systems(folder: str, new_tokens: int, extent: str, *, with_peers: bool) -> dict[str, Any]:
    """Return the figures of each system that runs here, by its name."""
    work = (folder, str(new_tokens), extent)
    systems = {"the notebooks' way, float32": run_module("benchmarks.notebooks_way", *work, "float32")}
    if with_peers:
        for name, (module, *kind) in PEERS.items():
            systems[name] = run_module(module, *work, *kind)
    for dtype in DTYPES[device()]:
        systems[f"Nightword, {dtype}"] = measure_engine(folder, dtype, new_tokens, extent)
    return measured(systems)


def measured(figures: dict[str, Any]) -> dict[str, Any]:
    """Return the figures without those that could not be measured."""
    return {name: value for name, value in figures.items() if value is not None}


def measure_engine(folder: str, dtype: str, new_tokens: int, extent: str) -> dict[str, Any] | None:
    """Return the figures of `nightword bench --json` in the form of the other systems, and where the time goes."""
    reviews = ("--reviews", str(REVIEWS))
    if extent == SPEEDS:
        return with_lengths(bench(folder, dtype, new_tokens, (PROMPT_WORDS,), PEOPLE, *reviews, "--no-waiting"))
    short = bench(folder, dtype, new_tokens, (PROMPT_WORDS,), PEOPLE, *reviews)
    long = bench(folder, dtype, new_tokens, (LONG_PROMPT_WORDS,), LONG_PROMPT_PEOPLE, "--no-waiting")
    if short is None or long is None:
        return with_lengths(short)
    short["continuations"] += long["continuations"]
    profile = run_module("benchmarks.step_profile", folder, dtype) if device() == "cpu" else None
    return with_lengths(short | {"profile": profile})


def bench(folder: str, dtype: str, new_tokens: int, words: tuple[int, ...], people: tuple[int, ...], *more: str) -> Any:
    """Return the output of `nightword bench --json`. Without `more`, it measures no reviews."""
    lists = {"--prompt-words": words, "--concurrency": people}
    options = [text for name, numbers in lists.items() for text in (name, ",".join(map(str, numbers)))]
    options += ["--model", folder, "--dtype", dtype, "--new-tokens", str(new_tokens)]
    return run_module("bot", "bench", "--json", *options, "--reviews", "0", *more)


def with_lengths(figures: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the figures of `nightword bench --json`, and those by length."""
    return None if figures is None else figures | by_length(figures)


def by_length(figures: dict[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """Return tokens/s and the first token's seconds by the prompt's words and the number of people."""
    tables: dict[str, dict[str, dict[str, float]]] = {"tokens_per_second": {}, "first_token_seconds": {}}
    for burst in figures["continuations"]:
        for name, table in tables.items():
            table.setdefault(str(burst["prompt_words"]), {})[str(burst["concurrency"])] = burst[name]
    return tables


def measure_topk() -> dict[str, float]:
    """Return the median seconds of `nightword topk --model demo` and of a plain script, as whole processes."""
    figures: Any = start.measure("demo", TOPK_RUNS)
    return {
        "nightword": figures["nightword"]["seconds"],
        "plain script": figures["plain_transformers"]["seconds"],
    }


def run_module(module: str, *arguments: str) -> Any:
    """Run a module and return the JSON object that it prints, or None if it fails."""
    print(f"Measuring {module} {' '.join(arguments)} …", flush=True)
    run = subprocess.run(  # noqa: S603  # this interpreter
        [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, env=ENVIRONMENT, check=False
    )
    if run.returncode:
        print(f"It was not measured: it failed with exit code {run.returncode}. Its output is above.", flush=True)
        return None
    return json.loads(run.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
