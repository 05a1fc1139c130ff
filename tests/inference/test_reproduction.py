"""What a receipt says of versions and outputs."""

import hashlib
import subprocess
import sys

import torch
import transformers

from bot import __version__
from bot.inference.reproduction import first_difference, output_hash, versions


def test_versions_are_those_that_compute() -> None:
    found = versions()
    assert found["nightword"] == __version__
    assert found["torch"] == torch.__version__
    assert found["transformers"] == transformers.__version__
    assert set(found) == {"nightword", "python", "torch", "transformers", "tokenizers"}


def test_versions_need_no_torch() -> None:
    code = "import sys; from bot.inference.reproduction import versions; versions(); print('torch' in sys.modules)"
    folder = __file__.partition("/tests/")[0]
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)  # noqa: S603  # our own words
    assert result.stdout == "False\n"


def test_the_hash_is_that_of_the_ids() -> None:
    assert output_hash([1, 23]) == hashlib.sha256(b"1,23").hexdigest()
    assert output_hash([12, 3]) != output_hash([1, 23])


def test_the_first_difference() -> None:
    assert first_difference([1, 2], (1, 2)) is None
    assert first_difference([1, 2, 3], [1, 5, 3]) == 1
    assert first_difference([1, 2], [1, 2, 3]) == 2
    assert first_difference([], [0]) == 0
