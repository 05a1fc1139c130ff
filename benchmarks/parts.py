"""What each part of the engine brings: the time of a step with and without our forward pass and the chosen kernels.

`python -m benchmarks.parts FOLDER [--dtype bfloat16] [--rounds 2]` measures the four combinations in turn, each in a
process of its own, and prints a table for each kind of step.
"""

import argparse
import json
import subprocess
import sys
from typing import Any

from benchmarks import step_profile
from benchmarks.__main__ import ENVIRONMENT
from bot.cli.bench.work import median
from bot.engine.transformers import loading
from bot.engine.transformers.kernels import choice

COMBINATIONS = {
    "transformers' model, plain products": (False, False),
    "transformers' model, chosen kernels": (False, True),
    "our forward pass, plain products": (True, False),
    "our forward pass, chosen kernels": (True, True),
}
ONLY = "--only"  # in a process of its own


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(ONLY, choices=list(COMBINATIONS), help="print the profile of one combination as JSON")
    arguments = parser.parse_args()
    if arguments.only is not None:
        prepare(*COMBINATIONS[arguments.only], arguments.dtype)
        print(json.dumps(step_profile.measure(arguments.folder, arguments.dtype)))
        return
    rounds = [
        {name: profile(name, arguments.folder, arguments.dtype) for name in COMBINATIONS}
        for _ in range(arguments.rounds)
    ]
    for step in next(iter(rounds[0].values())):
        print("\n".join(table(step, [{name: parts[step] for name, parts in each.items()} for each in rounds])))


def prepare(has_our_pass: bool, has_kernels: bool, dtype: str) -> None:  # a row of COMBINATIONS
    """Take parts out of the engine in this process."""
    if not has_our_pass:
        loading._Loading._own_forward_pass = lambda *_: None  # type: ignore[method-assign]  # there is no setting for it
    if not has_kernels:
        choice.KERNELS[dtype] = choice.KERNELS[dtype][-1:]  # the one that works everywhere


def profile(name: str, folder: str, dtype: str) -> dict[str, dict[str, float]]:
    """Return the milliseconds by kind of step and part, measured in a new process."""
    command = [sys.executable, "-m", "benchmarks.parts", folder, "--dtype", dtype, ONLY, name]
    run = subprocess.run(command, stdout=subprocess.PIPE, env=ENVIRONMENT, check=True)  # noqa: S603  # this interpreter
    parts: dict[str, dict[str, float]] = json.loads(run.stdout.splitlines()[-1])
    return parts


def table(step: str, rounds: list[dict[str, dict[str, float]]]) -> list[str]:
    """Return a table of one kind of step: the total of each round, and the median milliseconds of each part."""
    names, parts = list(rounds[0]), list(next(iter(rounds[0].values())))
    headings = [step, *(f"total, round {number}" for number in range(1, len(rounds) + 1)), *parts]
    rows: list[list[Any]] = [headings, ["---"] * len(headings)]
    for name in names:
        totals = [sum(each[name].values()) for each in rounds]
        figures = [*totals, *(median([each[name][part] for each in rounds]) for part in parts)]
        rows.append([name, *(f"{figure:.1f} ms" for figure in figures)])
    return [*(f"| {' | '.join(row)} |" for row in rows), ""]


if __name__ == "__main__":
    main()
