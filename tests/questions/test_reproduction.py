"""The versions, hashes and differences of a receipt."""

import hashlib
import math
import subprocess
import sys

import pytest
import torch
import transformers

from bot import __version__
from bot.questions.outcome import Difference, Outcome, first_difference, output_hash, versions


def test_versions_name_every_library_that_computes() -> None:
    current = versions()
    assert current["nightword"] == __version__
    assert current["torch"] == torch.__version__
    assert current["transformers"] == transformers.__version__
    assert set(current) == {"nightword", "python", "torch", "transformers", "tokenizers"}


def test_versions_need_no_torch() -> None:
    code = "import sys; from bot.questions.outcome import versions; versions(); print('torch' in sys.modules)"
    folder = __file__.partition("/tests/")[0]
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)  # noqa: S603  # a fixed command
    assert result.stdout == "False\n"


def test_the_hash_is_that_of_the_ids() -> None:
    assert output_hash([[1, 23]]) == hashlib.sha256(b"1,23").hexdigest()
    assert output_hash([[1], [], [23, 4]]) == hashlib.sha256(b"1\n\n23,4").hexdigest()
    assert len({output_hash(outputs) for outputs in ([[12, 3]], [[1, 23]], [[1], [23]], [[1, 2, 3]])}) == 4


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        (Outcome((1,), ((2, 3),), (0.5,)), Outcome((1,), ((2, 3),), (0.5 + 1e-6,)), None),
        (Outcome((1,), ((2, 3), (4,))), Outcome((1,), ((2, 3), (5,))), Difference("output id", 2, 4, 5)),
        (Outcome((1,), ((2, 3),)), Outcome((1,), ((2,),)), Difference("output id", 1, 3, None)),
        (Outcome((1,), ((2,),)), Outcome((1,), ((2, 3),)), Difference("output id", 1, None, 3)),
        (Outcome((), ((1, 2), (3,))), Outcome((), ((1,), (2, 3))), Difference("output id", 1, 2, None)),
        (Outcome((1,), ((2,),)), Outcome((9,), ((2,),)), Difference("input id", 0, 1, 9)),
        (Outcome((), (), (1.0, 2.0)), Outcome((), (), (1.0, 2.001)), Difference("figure", 1, 2.0, 2.001)),
        (Outcome((), (), (-math.inf,)), Outcome((), (), (-math.inf,)), None),
    ],
)
def test_the_first_difference(then: Outcome, now: Outcome, expected: Difference | None) -> None:
    assert first_difference(then, now) == expected
