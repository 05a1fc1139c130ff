"""`make package`: build wheel and sdist in build/dist, install the wheel in a clean environment, and run it.

The sdist must contain the files of the repository, and the wheel the bot with its demo model, migrations and licence.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "constraints.txt"
OUTPUT = ROOT / "build" / "dist"
# Files for developing in the repository, which the sdist doesn't need.
NOT_IN_SDIST = (".ci/", ".github/", ".gitattributes", ".gitignore", ".pre-commit-config.yaml", ".dockerignore")
IN_WHEEL = (
    "bot/demo_model/config.json",
    "bot/demo_model/generation_config.json",
    "bot/demo_model/model.safetensors",
    "bot/demo_model/tokenizer.json",
    "bot/demo_model/tokenizer_config.json",
    "bot/demo_model/MODEL_CARD.md",
)


def main() -> None:
    """Build, compare, install and run. Exit with an error that names what is missing."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for old in OUTPUT.iterdir():
        old.unlink()
    with TemporaryDirectory() as folder:
        environment = Path(folder) / "venv"
        venv.create(environment, with_pip=True)
        python = environment / "bin" / "python"
        _run(*_pip_install(python), "build")
        _run(python, "-m", "build", "--outdir", OUTPUT, ROOT, is_quiet=True)
        sdist, wheel = next(OUTPUT.glob("*.tar.gz")), next(OUTPUT.glob("*.whl"))
        if problems := [*_sdist_problems(sdist), *_wheel_problems(wheel)]:
            sys.exit("\n".join(problems))
        print(f"{sdist.name} and {wheel.name} have the expected files.", flush=True)
        _install_torch_for_cpu(python)
        _run(*_pip_install(python), "--constraint", LOCK, wheel)
        _run(environment / "bin" / "nightword", "--help", cwd=folder, is_quiet=True)
        _run(environment / "bin" / "nightword", "topk", "It was a dark", "-k", "3", "--model", "demo", cwd=folder)


def _install_torch_for_cpu(python: Path) -> None:
    """Install the CPU build of torch if there is no NVIDIA GPU, like the Makefile."""
    index = os.environ.get("TORCH_CPU_INDEX")
    if index and sys.platform == "linux" and shutil.which("nvidia-smi") is None:
        torch = next(line for line in LOCK.read_text().splitlines() if line.startswith("torch=="))
        command = [*_pip_install(python), "--retries", "0", "--timeout", "15", "--no-deps", "--index-url", index, torch]
        subprocess.run(command, check=False, stderr=subprocess.DEVNULL)  # noqa: S603 – pip


def _pip_install(python: Path) -> tuple[str | Path, ...]:
    return python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"


def _sdist_problems(sdist: Path) -> list[str]:
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S607 – git, wherever it is
    tracked = {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}
    missing = {name for name in tracked - held if not name.startswith(NOT_IN_SDIST)}
    made = {name for name in held - tracked if (ROOT / name).is_file() and not name.startswith("nightword.egg-info")}
    return [
        *(f"{name} is missing from {sdist.name}" for name in sorted(missing)),
        *(f"{sdist.name} has {name}, which is not in the repository" for name in sorted(made)),
    ]


def _wheel_problems(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "bot").rglob("*.py")}
    missing = sorted({*modules, *IN_WHEEL} - held)
    if not any(name.endswith("licenses/LICENSE") for name in held):
        missing.append("LICENSE")
    others = sorted(name for name in held if not name.startswith(("bot/", "nightword-")))
    return [
        *(f"{name} is missing from {wheel.name}" for name in missing),
        *(f"{wheel.name} has {name}, which is not part of the bot" for name in others),
    ]


def _run(*command: str | Path, cwd: str | None = None, is_quiet: bool = False) -> None:
    output = subprocess.DEVNULL if is_quiet else None
    subprocess.run(command, check=True, cwd=cwd, stdout=output)  # noqa: S603 – the commands above


if __name__ == "__main__":
    main()
