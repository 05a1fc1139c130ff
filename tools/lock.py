"""`make lock`: write constraints.txt, the exact version of every package that any supported environment installs.

pip resolves for the Python that runs it. What macOS and other supported versions of Python need beyond that is found by
walking the requirements of the packages, and added. Versions that are in constraints.txt already are kept, unless
`--upgrade` (`make upgrade`) asks for the newest that pyproject.toml allows. torch is kept even then.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "constraints.txt"
HEAD = (
    "# Every package that Python 3.11 to 3.14 install, of every extra. Renewed by `make lock`; CONTRIBUTING says how.\n"
)
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
NEWEST_PATCH = 99  # a package may ask for some patch release, as pymdown-extensions does for 3.11.5
PLATFORMS = {"linux": "Linux", "darwin": "Darwin"}
HELD = "torch"  # the engine uses private operators: updated by hand, with its tests


@dataclass(frozen=True, slots=True)
class Package:
    """A package at one version, with what it requires."""

    name: str
    version: str
    requires: tuple[Requirement, ...]


Packages = dict[str, Package]
Environment = dict[str, str]


def main() -> None:
    """Resolve, complete and check the lock, and write it."""
    parser = argparse.ArgumentParser(prog="python -m tools.lock", description="Write constraints.txt.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions, torch excepted")
    kept = locked(LOCK.read_text())
    if parser.parse_args().upgrade:
        kept = {name: version for name, version in kept.items() if name == HELD}
    roots = project_requirements((ROOT / "pyproject.toml").read_text())
    found = {package.name: package for package in _resolve(roots, kept)}
    while missing := _missing(roots, found):
        for python, requirement in missing.values():
            found |= {package.name: package for package in _resolve([requirement], kept, python=python, alone=True)}
    for python in PYTHONS:
        needed = required(roots, found, _environment(python, "linux"))
        _resolve([Requirement(f"{name}=={found[name].version}") for name in needed], {}, python=python, alone=True)
        print(f"Python {python}: {len(needed)} packages, each with a wheel for Linux")
    LOCK.write_text(HEAD + "".join(f"{one.name}=={one.version}\n" for _, one in sorted(found.items())))


def locked(text: str) -> dict[str, str]:
    """Return name and version of each line of a lock."""
    lines = [line.partition("==") for line in text.splitlines() if "==" in line and not line.startswith("#")]
    return {canonicalize_name(name): version.strip() for name, _, version in lines}


def project_requirements(pyproject: str) -> list[Requirement]:
    """Return what the project and its extras require, without the project itself, which one extra asks of another."""
    project = tomllib.loads(pyproject)["project"]
    listed = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        listed += extra
    parsed = map(Requirement, listed)
    return [requirement for requirement in parsed if canonicalize_name(requirement.name) != project["name"]]


def required(roots: Iterable[Requirement], found: Packages, environment: Environment) -> dict[str, Requirement]:
    """Return the packages that `environment` installs, each with a requirement that asks for it."""
    needed: dict[str, Requirement] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(requirement, "") for requirement in roots]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate(environment | {"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        needed.setdefault(name, requirement)
        for asked in {"", *requirement.extras}:
            if (name, asked) not in seen and name in found:
                seen.add((name, asked))
                waiting += [(further, asked) for further in found[name].requires]
    return needed


def _missing(roots: list[Requirement], found: Packages) -> dict[str, tuple[str, Requirement]]:
    """Return what some environment needs and `found` hasn't, with the first Python version that needs it."""
    missing: dict[str, tuple[str, Requirement]] = {}
    for python in PYTHONS:
        for platform in PLATFORMS:
            for name, requirement in required(roots, found, _environment(python, platform)).items():
                if name not in found:
                    missing.setdefault(name, (python, requirement))
    return missing


def _environment(python: str, platform: str) -> Environment:
    environment: Environment = {name: str(value) for name, value in default_environment().items()}
    return environment | {
        "python_version": python,
        "python_full_version": f"{python}.{NEWEST_PATCH}",
        "implementation_version": f"{python}.{NEWEST_PATCH}",
        "sys_platform": platform,
        "platform_system": PLATFORMS[platform],
        "platform_machine": "x86_64" if platform == "linux" else "arm64",
    }


def _resolve(
    requirements: Iterable[Requirement], kept: dict[str, str], *, python: str | None = None, alone: bool = False
) -> list[Package]:
    """Return what pip would install; `alone`, without what that requires. Ends the program where pip finds no way."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "wanted.txt").write_text("".join(f"{_without_marker(one)}\n" for one in requirements))
        (folder / "kept.txt").write_text("".join(f"{name}=={version}\n" for name, version in kept.items()))
        command = [
            sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet",
            "--disable-pip-version-check", "--report", str(folder / "report.json"),
            "--requirement", str(folder / "wanted.txt"), "--constraint", str(folder / "kept.txt"),
        ]  # fmt: skip
        if python is not None:
            # pip compares what a package says of Python with the one that runs it, so that is done below instead.
            command += ["--python-version", python, "--only-binary", ":all:", "--target", str(folder / "nowhere")]
            command.append("--ignore-requires-python")
        if alone:
            command.append("--no-deps")
        if subprocess.run(command, check=False).returncode:  # noqa: S603 – pip, with requirements of this project
            sys.exit("pip finds no versions that fit: see above.")
        report = json.loads((folder / "report.json").read_text())
    return [_package(entry["metadata"], python) for entry in report["install"]]


def _package(metadata: dict[str, Any], python: str | None) -> Package:
    name, version = metadata["name"], metadata["version"]
    if Version(version).local:
        sys.exit(f"pip took {name} {version}, a build of another index, whose requirements may differ from PyPI's.")
    if python is not None and not SpecifierSet(metadata.get("requires_python") or "").contains(
        f"{python}.{NEWEST_PATCH}"
    ):
        sys.exit(f"{name} {version} does not support Python {python}.")
    return Package(canonicalize_name(name), version, tuple(map(Requirement, metadata.get("requires_dist", []))))


def _without_marker(requirement: Requirement) -> Requirement:
    bare = Requirement(str(requirement))
    bare.marker = None
    return bare


if __name__ == "__main__":
    main()
