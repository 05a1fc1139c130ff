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
SECONDS = 300.0  # for one class, on a machine that does other things too
NOT_MADE = "not made"
MEANINGS = {
    "equal": "the engine computes it in batches and in pieces, with plain transformers' numbers",
    "equal, own path": "transformers itself computes each text, in a call of its own, with its own numbers",
    "refused": "refused in one line, for a reason that plain transformers confirms",
    NOT_MADE: "no tiny random model of the class could be made here, so we know nothing about it",
    "differs": "a fault: numbers, or a refusal, that plain transformers doesn't confirm",
}
HEAD = """# Which models are computed, and how

Every causal model class of transformers {transformers}, from its own list, was made tiny and random in float32 and
compared with plain transformers (PyTorch {torch}): the ten most probable next tokens with their logits and
probabilities, greedy writing alone and beside two others, beam search with three beams, and the scoring of two labels.
If plain transformers can't do something with a class, such as beam search, the engine must refuse it in one line.
`make architectures` writes this page in a few minutes.
"""


def main() -> None:
    """Compare the classes, each in a process of its own, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.architectures", description=__doc__)
    parser.add_argument("model_type", nargs="*", help="compare these alone, and write no table")
    chosen: list[str] = parser.parse_args().model_type
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # as above
    torch.set_num_threads(1)  # a forked process has none of its parent's threads
    found: dict[str, tuple[str, str]] = {}
    for name, model_type in causal_classes().items():
        if chosen and model_type not in chosen:
            continue
        found[name] = _compared_apart(model_type)
        print(f"{name:45} {': '.join(filter(None, found[name]))}", flush=True)
    if not chosen:
        TABLE.write_text(_page(found))
    print(", ".join(f"{count} {outcome}" for outcome, count in Counter(one for one, _ in found.values()).items()))


def _compared_apart(model_type: str) -> tuple[str, str]:
    """Return outcome and reason, found in a process of its own, which a class may bring down."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_compare_into, args=(model_type, theirs))
    process.start()
    theirs.close()
    try:
        if not ours.poll(SECONDS):
            return "differs", f"no end after {SECONDS:g} seconds"
        outcome, reason = ours.recv()
    except EOFError:
        process.join()
        return "differs", f"its process ended with {process.exitcode}"
    else:
        return outcome, reason
    finally:
        process.kill()
        process.join()


def _compare_into(model_type: str, results: Connection) -> None:
    with tempfile.TemporaryDirectory() as folder, _nothing_printed():
        try:
            make_tiny(model_type, Path(folder))
        except Exception as error:  # each class fails in its own way
            line = " ".join(str(error).split())
            results.send((NOT_MADE, f"{type(error).__name__}: {line[:200]}"))
            return
        results.send(tuple(compare(Path(folder))))


@contextlib.contextmanager
def _nothing_printed() -> Iterator[None]:
    """Drop what classes print past their logs."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _page(found: dict[str, tuple[str, str]]) -> str:
    counts = Counter(outcome for outcome, _ in found.values())
    made = sum(counts.values()) - counts[NOT_MADE]
    lines = [
        HEAD.format(transformers=transformers.__version__, torch=torch.__version__.partition("+")[0]),
        f"Of {len(found)} classes, {made} could be made.\n",
        "| outcome | classes | what it means |",
        "|---|---|---|",
        *(f"| {outcome} | {counts[outcome]} | {meaning} |" for outcome, meaning in MEANINGS.items()),
        "",
        "| class | outcome | why |",
        "|---|---|---|",
        *(f"| `{name}` | {outcome} | {reason.replace('|', '/')} |" for name, (outcome, reason) in found.items()),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
