"""constraints.txt names every package that the project installs."""

from importlib import metadata

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.lock import LOCK, ROOT, Package, locked, project_requirements, required


def installed_packages() -> dict[str, Package]:
    packages: dict[str, Package] = {}
    for distribution in metadata.distributions():
        name = canonicalize_name(distribution.metadata["Name"])
        packages[name] = Package(name, distribution.version, tuple(map(Requirement, distribution.requires or ())))
    return packages


def test_everything_that_is_installed_here_is_locked() -> None:
    roots = project_requirements((ROOT / "pyproject.toml").read_text())
    here = {name: str(value) for name, value in default_environment().items()}
    needed = required(roots, installed_packages(), here)
    assert len(needed) > 80
    assert set(needed) - set(locked(LOCK.read_text())) == set(), "constraints.txt is incomplete: run `make lock`"


def test_packages_that_only_another_python_needs_are_locked_too() -> None:
    assert "audioop-lts" in locked(LOCK.read_text())  # discord.py needs it from Python 3.13 on


def test_requirements_follow_extras_and_markers() -> None:
    packages = {
        "bot": Package("bot", "1", (Requirement("web[fast]"), Requirement("old; python_version < '3.12'"))),
        "web": Package("web", "1", (Requirement("speed; extra == 'fast'"), Requirement("slow; extra == 'slow'"))),
    }
    roots = [Requirement("bot")]
    assert set(required(roots, packages, {"python_version": "3.13"})) == {"bot", "web", "speed"}
    assert set(required(roots, packages, {"python_version": "3.11"})) == {"bot", "web", "speed", "old"}
