"""`nightword doctor`: look at everything that the bot needs, and say what to do where something is missing."""

import argparse
import asyncio
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator

from bot import __version__
from bot.cli.doctor.application import look_at_application
from bot.cli.doctor.finding import Finding, Mark
from bot.cli.doctor.machine import look_at_database, look_at_machine
from bot.cli.doctor.model import look_at_model
from bot.errors import EXIT_CONFIGURATION, InvalidSettings
from bot.settings import Settings, read_settings, unknown_variables


def run(arguments: argparse.Namespace) -> int:
    """Print one line for each thing that was looked at; return 0 where nothing is wrong, else 78."""
    print(f"Nightword {__version__}")
    try:
        settings = read_settings(model=arguments.model, dtype=arguments.dtype)
    except InvalidSettings as error:
        _print(Finding.bad("settings", str(error)))
        _print(Finding.open("all else", "is looked at once the settings are right."))
        return EXIT_CONFIGURATION
    wrong = 0
    for finding in _look(settings):
        wrong += finding.mark is Mark.BAD
        _print(finding)
    print(f"\nTo mend: {wrong}, marked with {Mark.BAD}." if wrong else "\nNothing is in the way: start the bot.")
    return EXIT_CONFIGURATION if wrong else 0


def _look(settings: Settings) -> Iterator[Finding]:
    yield _settings(settings)
    yield from look_at_machine(settings)
    yield from look_at_model(settings)
    yield from asyncio.run(look_at_database(settings))
    yield from asyncio.run(look_at_application(settings))


def _settings(settings: Settings) -> Finding:
    unknown = unknown_variables()
    if unknown:
        asked = [
            f"{name} is no setting{f', did you mean {likely}?' if likely else '.'}" for name, likely in unknown.items()
        ]
        return Finding.bad("settings", f"{' '.join(asked)} Mend or remove it.")
    if settings.heartbeat_file is not None and not os.access(settings.heartbeat_file.parent, os.W_OK):
        return Finding.bad(
            "settings",
            f"BOT_HEARTBEAT_FILE names {settings.heartbeat_file}, whose folder is not there or may not be written to.",
        )
    return Finding.good("settings", "the environment and .env have no wrong value")


def _print(finding: Finding) -> None:
    line = f"{finding.mark} {finding.subject:<13} {finding.text}"
    if sys.stdout.isatty():
        line = textwrap.fill(
            line, shutil.get_terminal_size().columns, subsequent_indent=" " * 16, break_long_words=False,
            break_on_hyphens=False,
        )  # fmt: skip
    print(line, flush=True)
