"""A GGUF file in the terminal: what is printed, and refusals in one line."""

import json
from pathlib import Path

import pytest

from tests.console import PROMPT, Console
from tests.engine.gguf_files import write_gguf


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("models") / "small.gguf")


@pytest.mark.parametrize("arguments", [("topk", PROMPT), ("continue", PROMPT), ("sentiment", "I loved it.")])
def test_file_quantization_and_dtype_are_printed(console: Console, file: Path, arguments: tuple[str, ...]) -> None:
    out, err = console.run(*arguments, "--model", str(file))
    assert err == ""
    assert out.splitlines()[-1].startswith(f"{file} · Q4_1 in float32 · ")

    out, err = console.run(*arguments, "--model", str(file), "--json")
    assert err == ""
    assert json.loads(out)["model"] == {
        "name": str(file),
        "revision": None,
        "dtype": "float32",
        "quantization": "Q4_1",
        "device": "cpu",
    }


def test_the_doctor_names_the_quantization(console: Console, file: Path) -> None:
    out, _ = console.run("doctor", "--model", str(file), code=78)  # there is no token
    (line,) = [line for line in out.splitlines() if " model " in line]
    assert line == f"✓ model         {file}, Q4_1, 5,773,568 parameters, in {file.parent}"


def test_a_damaged_file_is_refused_in_one_line(console: Console, file: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(file.read_bytes()[:-1])
    assert "its GGUF file is damaged" in console.error("topk", PROMPT, "--model", str(damaged), code=78)
    out, _ = console.run("doctor", "--model", str(damaged), code=78)
    assert "✗ model         The model" in out
