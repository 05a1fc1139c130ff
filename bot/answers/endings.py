"""Reports how each interaction ends, once."""

import asyncio
import time

from bot import errors
from bot.answers.client import Interaction
from bot.answers.observer import Ending

UNKNOWN_COMMAND = "other"

# Keys in an interaction's extras.
_BEGAN = "began"  # when it arrived, by time.perf_counter()
_ENDING = "ending"
_IS_REPORTED = "is_reported"

_ENDINGS: dict[type[BaseException], Ending] = {
    errors.UsageError: Ending.INVALID,
    errors.Refusal: Ending.REFUSED,
    errors.RequestTimedOut: Ending.TIMED_OUT,
    errors.RequestCancelled: Ending.CANCELLED,
    errors.AcknowledgedLate: Ending.UNACKNOWLEDGED,
    asyncio.CancelledError: Ending.UNDELIVERED,  # at shutdown
}


def begin(interaction: Interaction) -> None:
    """Note that an interaction has arrived."""
    interaction.extras.setdefault(_BEGAN, time.perf_counter())


def report_acknowledged(interaction: Interaction) -> None:
    """Report the time until Discord accepted the first response."""
    interaction.client.observer.acknowledge(_seconds(interaction))


def set_ending(interaction: Interaction, ending: Ending | BaseException) -> None:
    """Set how an interaction will have ended, or the error that ends it."""
    if isinstance(ending, BaseException):
        ending = next((_ENDINGS[kind] for kind in type(ending).__mro__ if kind in _ENDINGS), Ending.FAILED)
    interaction.extras[_ENDING] = ending


def report_ending(interaction: Interaction, command: str) -> None:
    """Report how an interaction ended, unless that was reported. It was answered unless `set_ending` says otherwise."""
    if not interaction.extras.get(_IS_REPORTED):
        interaction.extras[_IS_REPORTED] = True
        ending = interaction.extras.get(_ENDING, Ending.ANSWERED)
        interaction.client.observer.end(command, ending, _seconds(interaction))


def _seconds(interaction: Interaction) -> float:
    now = time.perf_counter()
    began: float = interaction.extras.get(_BEGAN, now)
    return now - began
