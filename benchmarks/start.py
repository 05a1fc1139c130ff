"""How long `nightword topk` takes from start to exit, compared with a plain transformers script.

`python -m benchmarks.start [--model demo] [--rounds 7]` runs both processes alternately.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import bot.terminal.console
from bot.cli.bench.work import median
from bot.cli.main import run
from bot.engine.executor import load_language_model, without_collections
from bot.engine.model_files import find_model
from bot.questions.language_model import LanguageModel
from bot.settings import Settings

PROMPT = "The film was"
PLAIN = Path(__file__).parent / "plain_topk.py"
MEASURE_PHASES = "--measure-phases"


class Usage(NamedTuple):
    """What one process used. Other processes on the machine change its CPU seconds less than its seconds."""

    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="demo", help="a model on this machine")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.model, arguments.rounds), indent=2))


def measure(model: str, rounds: int) -> dict[str, object]:
    """Return the medians of both processes, their ratios, and the seconds of each phase of Nightword's."""
    folder = str(find_model(model).folder)
    topk = ("topk", PROMPT, "--model", model)
    commands = {"nightword": ["-m", "bot", *topk], "plain_transformers": [str(PLAIN), folder, PROMPT]}
    phases = ["-m", "benchmarks.start", MEASURE_PHASES]
    _check_same_tokens(model, commands["plain_transformers"])
    runs: dict[str, list[Usage]] = {name: [] for name in commands}
    seconds: list[dict[str, float]] = []
    for _ in range(rounds):
        for name, command in commands.items():
            runs[name].append(_run(command)[1])
        seconds.append(_phases([*phases, str(time.perf_counter()), *topk]))
    figures = {
        name: {field: median([getattr(run, field) for run in measured]) for field in Usage._fields}
        for name, measured in runs.items()
    }
    ours, plain = figures["nightword"], figures["plain_transformers"]
    return {
        "model": model,
        "rounds": rounds,
        **figures,
        "ratios": {key: ours[key] / plain[key] for key in ours},
        "nightword_phases_seconds": {phase: median([run[phase] for run in seconds]) for phase in seconds[0]},
    }


def _run(arguments: Sequence[str]) -> tuple[str, Usage]:
    """Run Python with `arguments`. Return what it printed, and what it used."""
    began = time.perf_counter()
    with subprocess.Popen(  # noqa: S603  # this interpreter
        [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    ) as process:  # fmt: skip
        assert process.stdout is not None  # noqa: S101  # it is a pipe
        printed = process.stdout.read()
        # Unlike getrusage, it tells the memory of this one process.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    unit = 1 if sys.platform == "darwin" else 1024
    return printed, Usage(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)


def _check_same_tokens(model: str, plain: Sequence[str]) -> None:
    """Raise RuntimeError unless both print the same tokens in the same order. It also warms the disk cache."""
    answer = json.loads(_run(["-m", "bot", "topk", PROMPT, "--model", model, "--json"])[0])
    ours = [token["id"] for token in answer["tokens"]]
    theirs = [int(line.split()[1]) for line in _run(plain)[0].splitlines()]
    if ours != theirs:
        raise RuntimeError(f"the tokens differ: {ours} and {theirs}")


def _phases(command: Sequence[str]) -> dict[str, float]:
    printed, _ = _run(command)
    ended = time.perf_counter()
    stamps: dict[str, float] = json.loads(printed.splitlines()[-1])
    last = stamps.pop("last")
    return {**stamps, "exit": ended - last}


def print_phases(began: float, arguments: Sequence[str]) -> None:
    """Run a command in this process, and print the seconds of each phase since `began` as JSON.

    `began` is a reading of time.perf_counter(), which all processes of a machine share on Linux.
    """
    phases: dict[str, float] = {}
    last = began

    def end_phase(name: str) -> None:
        nonlocal last
        now = time.perf_counter()
        phases[name] = phases.get(name, 0.0) + now - last
        last = now

    def as_phase(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            end_phase("load")
            try:
                return function(*args, **kwargs)
            finally:
                end_phase(name)

        return timed

    def load(settings: Settings) -> LanguageModel:
        end_phase("command_line")
        with without_collections():
            loading = importlib.import_module("bot.engine.transformers.loading")
        for name, value in vars(loading).items():
            if callable(value) and value.__module__ == "bot.engine.transformers.self_test":
                setattr(loading, name, as_phase("self_tests", value))
        end_phase("import_transformers")
        model = load_language_model(settings)
        end_phase("load")
        return model

    bot.terminal.console.load_language_model = load  # type: ignore[attr-defined,assignment]  # replaced for this run
    run(arguments)
    end_phase("answer")
    print(json.dumps({**phases, "last": last}))


if __name__ == "__main__":
    if sys.argv[1:2] == [MEASURE_PHASES]:
        print_phases(float(sys.argv[2]), sys.argv[3:])
    else:
        main()
