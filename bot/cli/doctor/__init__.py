"""`nightword doctor`: check everything that the bot needs, and say how to fix what is missing."""

import argparse
import asyncio
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator

from bot import __version__
from bot.cli.doctor.application import check_application
from bot.cli.doctor.finding import Finding, Mark
from bot.cli.doctor.machine import check_database, check_machine
from bot.cli.doctor.model import check_model
from bot.errors import EXIT_CONFIGURATION, InvalidSettings
from bot.settings import Settings, read_settings, unknown_variables


def run(arguments: argparse.Namespace) -> int:
    """Print one line for each check. Return 0 if all passed, else 78."""
    print(f"Nightword {__version__}")
    try:
        settings = read_settings(model=arguments.model, dtype=arguments.dtype)
    except InvalidSettings as error:
        _print(Finding.bad("settings", str(error)))
        _print(Finding.open("other checks", "not run until the settings are fixed."))
        return EXIT_CONFIGURATION
    wrong = 0
    for finding in _run_checks(settings):
        wrong += finding.mark is Mark.BAD
        _print(finding)
    problems = "1 problem" if wrong == 1 else f"{wrong} problems"
    print(f"\n{problems} found (marked {Mark.BAD})." if wrong else "\nAll checks passed. You can start the bot.")
    return EXIT_CONFIGURATION if wrong else 0


def _run_checks(settings: Settings) -> Iterator[Finding]:
    yield _settings(settings)
    yield from check_machine(settings)
    yield from check_model(settings)
    yield from asyncio.run(check_database(settings))
    yield from asyncio.run(check_application(settings))


def _settings(settings: Settings) -> Finding:
    unknown = unknown_variables()
    if unknown:
        problems = [
            f"{name} is not a setting{f'; did you mean {likely}?' if likely else '.'}"
            for name, likely in unknown.items()
        ]
        remedy = "Correct or remove it." if len(problems) == 1 else "Correct or remove them."
        return Finding.bad("settings", f"{' '.join(problems)} {remedy}")
    if settings.heartbeat_file is not None and not os.access(settings.heartbeat_file.parent, os.W_OK):
        return Finding.bad(
            "settings",
            f"BOT_HEARTBEAT_FILE names {settings.heartbeat_file}, whose folder doesn't exist or isn't writable. "
            "Name a file in a writable folder, or leave the setting empty.",
        )
    return Finding.good("settings", "all values in the environment and .env are valid")


def _print(finding: Finding) -> None:
    line = f"{finding.mark} {finding.subject:<13} {finding.text}"
    if sys.stdout.isatty():
        line = textwrap.fill(
            line, shutil.get_terminal_size().columns, subsequent_indent=" " * 16, break_long_words=False,
            break_on_hyphens=False,
        )  # fmt: skip
    print(line, flush=True)
