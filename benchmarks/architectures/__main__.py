"""`make architectures`: compare every causal model class of the installed transformers, and write the table."""

import argparse
import contextlib
import multiprocessing
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import torch
import transformers
from transformers.utils import logging as transformers_logging

from benchmarks.architectures.comparison import compare
from benchmarks.architectures.tiny_models import causal_classes, make_tiny

TABLE = Path(__file__).parents[2] / "docs" / "reference" / "architectures.md"
SECONDS = 300.0  # for one class, on a busy machine
NOT_MADE = "not made"
MEANINGS = {
    "equal": "computed in batches and in pieces, with the same numbers as plain transformers",
    "equal, own path": "computed one text at a time by plain transformers",
    "refused": "refused in one line, for a reason that plain transformers confirms",
    NOT_MADE: "unknown, because no tiny random model of the class could be made here",
    "differs": "a bug: other numbers than plain transformers, or a refusal for a wrong reason",
}
HEAD = """# Supported model classes

Every causal model class of transformers {transformers}, from its own list. For each, a tiny model with random
float32 weights was made and compared with plain transformers (PyTorch {torch}): the ten most probable next tokens with
logits and probabilities, greedy decoding alone and in a batch of three, beam search with three beams, and the scoring
of two labels. What plain transformers can't do with a class, such as beam search, must be refused in one line.
`make architectures` generates this page in a few minutes.
"""


def main() -> None:
    """Compare the classes, each in a process of its own, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.architectures", description=__doc__)
    parser.add_argument("model_type", nargs="*", help="compare only these, without writing the table")
    chosen: list[str] = parser.parse_args().model_type
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # as above
    torch.set_num_threads(1)  # a forked process doesn't have its parent's threads
    results: dict[str, tuple[str, str]] = {}
    for name, model_type in causal_classes().items():
        if chosen and model_type not in chosen:
            continue
        results[name] = _compare_in_process(model_type)
        print(f"{name:45} {': '.join(filter(None, results[name]))}", flush=True)
    if not chosen:
        TABLE.write_text(_page(results))
    print(
        ", ".join(
            f"{count} {outcome}" for outcome, count in Counter(outcome for outcome, _ in results.values()).items()
        )
    )


def _compare_in_process(model_type: str) -> tuple[str, str]:
    """Return outcome and reason. Runs in its own process, because some classes crash it."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_compare_into, args=(model_type, theirs))
    process.start()
    theirs.close()
    try:
        if not ours.poll(SECONDS):
            return "differs", f"not finished after {SECONDS:g} seconds"
        outcome, reason = ours.recv()
    except EOFError:
        process.join()
        return "differs", f"its process ended with exit code {process.exitcode}"
    else:
        return outcome, reason
    finally:
        process.kill()
        process.join()


def _compare_into(model_type: str, results: Connection) -> None:
    with tempfile.TemporaryDirectory() as folder, _suppress_output():
        try:
            make_tiny(model_type, Path(folder))
        except Exception as error:  # each model class fails differently
            line = " ".join(str(error).split())
            results.send((NOT_MADE, f"{type(error).__name__}: {line[:200]}"))
            return
        results.send(tuple(compare(Path(folder))))


@contextlib.contextmanager
def _suppress_output() -> Iterator[None]:
    """Suppress what classes print to standard output."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _page(results: dict[str, tuple[str, str]]) -> str:
    counts = Counter(outcome for outcome, _ in results.values())
    made = sum(counts.values()) - counts[NOT_MADE]
    lines = [
        HEAD.format(transformers=transformers.__version__, torch=torch.__version__.partition("+")[0]),
        f"Of {len(results)} classes, {made} could be made.\n",
        "| outcome | classes | what it means |",
        "|---|---|---|",
        *(f"| {outcome} | {counts[outcome]} | {meaning} |" for outcome, meaning in MEANINGS.items()),
        "",
        "| class | outcome | why |",
        "|---|---|---|",
        *(f"| `{name}` | {outcome} | {reason.replace('|', '/')} |" for name, (outcome, reason) in results.items()),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
