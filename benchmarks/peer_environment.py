"""A virtual environment for each peer, below build/, so that none of them meets the project's own packages."""

import subprocess
import sys
from pathlib import Path

PEERS = Path("build/peers")
# vLLM's own list asks for these too, which have no build for every CPU and are not needed for text.
NOT_NEEDED = ("torch==", "torchaudio", "torchvision", "torchcodec", "intel-openmp")
_LIST = "import importlib.metadata as m, sys; print(*m.requires(sys.argv[1]), sep='\\n')"


def python_with(name: str, *packages: str, without_dependencies: str | None = None) -> str:
    """Return the Python of the peer's environment with `packages`, installed where they are not yet.

    `without_dependencies` is one more, of whose own list what is NOT_NEEDED is left out. Raises CalledProcessError.
    """
    folder = PEERS / name
    python = str((folder / "bin" / "python").absolute())
    if (folder / "installed").exists():
        return python
    print(f"Installing {name} in {folder} …", flush=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)  # noqa: S603  # our own interpreter
    for package in packages:
        _pip(python, package)
    if without_dependencies is not None:
        _pip(python, "--no-deps", without_dependencies)
        distribution = without_dependencies.partition("==")[0]
        listed = subprocess.run([python, "-c", _LIST, distribution], check=True, capture_output=True, text=True)  # noqa: S603  # as above
        wanted = [
            line for line in listed.stdout.splitlines() if not line.startswith(NOT_NEEDED) and "extra ==" not in line
        ]
        _pip(python, *wanted)
    (folder / "installed").touch()
    return python


def _pip(python: str, *arguments: str) -> None:
    subprocess.run([python, "-m", "pip", "install", "--quiet", *arguments], check=True)  # noqa: S603  # the peer's interpreter
