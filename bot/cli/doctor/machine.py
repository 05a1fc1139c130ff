"""Checks of the machine: package versions, threads, shards and the database."""

import os
import platform
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement

from bot.app.login import check_processes
from bot.cli.doctor.finding import Finding
from bot.errors import DatabaseUnavailable, InvalidSettings
from bot.settings import Settings
from bot.storage.database import Database
from bot.storage.database_url import sqlite_file

DISTRIBUTION = "nightword"
SHOWN = ("discord.py", "torch", "transformers")


def check_machine(settings: Settings) -> Iterator[Finding]:
    """Yield the results for versions, threads, and shards if they are set."""
    yield _versions()
    yield _threads(settings)
    if settings.shard_count is not None:
        yield _shards(settings)


async def check_database(settings: Settings) -> list[Finding]:
    """Open the database, which also migrates its tables. Return no results if this process needs none."""
    if not settings.reviews and settings.shards.has_all:
        return []
    url = settings.database_url.get_secret_value()
    database = Database(url)
    try:
        await database.open()
    except DatabaseUnavailable as error:
        return [Finding.bad("database", str(error))]
    await database.close()
    file = sqlite_file(url)
    return [Finding.good("database", f"SQLite, {file}" if file is not None else "PostgreSQL")]


def _shards(settings: Settings) -> Finding:
    try:
        check_processes(settings)
    except InvalidSettings as error:
        return Finding.bad("shards", str(error))
    shards = settings.shards
    listed = "all" if shards.has_all else ", ".join(str(shard) for shard in sorted(shards.ids))
    return Finding.good("shards", f"{listed} of {shards.count} in this process")


def _versions() -> Finding:
    remedy = "Reinstall Nightword."
    try:
        requirements = [Requirement(line) for line in metadata.requires(DISTRIBUTION) or []]
    except metadata.PackageNotFoundError:
        return Finding.bad("versions", f"the package {DISTRIBUTION} is not installed. {remedy}")
    needed = [requirement for requirement in requirements if requirement.marker is None]
    wrong = [problem for requirement in needed if (problem := _problem(requirement))]
    if wrong:
        return Finding.bad("versions", f"{'; '.join(wrong)}. {remedy}")
    shown = ", ".join(f"{name} {metadata.version(name)}" for name in SHOWN)
    return Finding.good("versions", f"Python {platform.python_version()}, {shown}")


def _problem(requirement: Requirement) -> str | None:
    try:
        installed = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is missing"
    if requirement.specifier.contains(installed, prereleases=True):
        return None
    return f"{requirement.name} is {installed}, but must be {requirement.specifier}"


def _threads(settings: Settings) -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if settings.threads is not None and settings.threads > cores:
        return Finding.bad(
            "threads",
            f"BOT_THREADS is {settings.threads}, but this process can use {cores} cores; more threads slow it down. "
            f"Set BOT_THREADS to {cores} or less, or leave it empty.",
        )
    used = "PyTorch's default" if settings.threads is None else str(settings.threads)
    return Finding.good("threads", f"{used}; this process can use {cores} cores")
