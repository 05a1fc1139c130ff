"""`nightword health`: what the heartbeat of a running bot says.

It runs twice a minute in a container, so it imports neither Discord's library nor the model's.
"""

import json
import time
from pathlib import Path
from typing import TypedDict

from bot.errors import InvalidSettings, Unhealthy

STALE_SECONDS = 45.0  # a loop that has not written for this long is stuck


class HeartbeatState(TypedDict):
    """What the file of a heartbeat says: when it was written, and whether gateway and model were ready then."""

    time: float
    gateway: bool
    model: bool


def check(file: Path | None) -> None:
    """Raise Unhealthy unless `file` says that the loop runs, the gateway is connected and the model is ready."""
    if file is None:
        raise InvalidSettings("BOT_HEARTBEAT_FILE is not set. Give it the value that the running bot has.")
    try:
        state: HeartbeatState = json.loads(file.read_text())
        age = time.time() - state["time"]
    except FileNotFoundError:
        raise Unhealthy(
            f"unhealthy: there is no heartbeat in {file}: the bot does not run, or writes elsewhere."
        ) from None
    except PermissionError:
        raise Unhealthy(f"unhealthy: {file} may not be read by this user: ask as the bot's user, or as root.") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise Unhealthy(f"unhealthy: {file} cannot be read as a heartbeat.") from None
    if age > STALE_SECONDS:
        raise Unhealthy(f"unhealthy: the last heartbeat is {age:.0f} seconds old: the bot was killed, or is stuck.")
    if not state.get("model"):
        raise Unhealthy("unhealthy: the model is not ready.")
    if not state.get("gateway"):
        raise Unhealthy("unhealthy: there is no connection to Discord.")
