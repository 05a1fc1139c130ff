"""How long each answer takes with one person asking: computed, written out and drawn.

`python -m benchmarks.answers [--model demo] [--dtype float32] [--rounds 3]` prints the median seconds of each command.
Loading the model isn't included.
"""

import argparse
import contextlib
import io
import json
import tempfile
import time
from pathlib import Path
from typing import get_args

import bot.terminal.console
from bot.cli.bench.work import median
from bot.cli.main import run
from bot.questions.language_model import DType
from bot.settings import read_settings

PROMPT = "The nurse said that the old man, who had lost his way in the storm, would be"
COMMANDS = {
    "topk": (PROMPT,),
    "continue": (PROMPT,),
    "sentiment": (PROMPT, "--explain"),
    "tokenize": (PROMPT,),
    "xray": (PROMPT,),
    "compare": (PROMPT,),
    "sampler": (PROMPT,),
    "contrast": (PROMPT, PROMPT.replace("nurse", "doctor")),
    "why": (PROMPT,),
    "layers": (PROMPT,),
}


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--dtype", default="float32", choices=get_args(DType))
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    model = bot.terminal.console.load(read_settings(model=arguments.model, dtype=arguments.dtype))
    bot.terminal.console.load_language_model = lambda _: model  # type: ignore[attr-defined,assignment,misc]  # loaded once
    options = ["--model", arguments.model, "--dtype", arguments.dtype]
    with tempfile.TemporaryDirectory() as folder:
        picture = str(Path(folder) / "picture.png")
        seconds = {
            name: [_seconds([name, *texts, "--png", picture, *options]) for _ in range(arguments.rounds + 1)]
            for name, texts in COMMANDS.items()
        }
    figures = {name: round(median(times[1:]), 3) for name, times in seconds.items()}  # the first round warms up
    print(json.dumps({"model": model.info.short_name, "computed_in": model.info.computed_in, "seconds": figures}))


def _seconds(arguments: list[str]) -> float:
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        code = run(arguments)
    if code:
        raise SystemExit(f"{arguments[0]} failed with exit code {code}")
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
