"""`nightword health`: check the heartbeat file of a running bot.

A container runs it twice a minute, so it imports neither discord.py nor torch.
"""

import json
import time
from pathlib import Path
from typing import TypedDict

from bot.errors import InvalidSettings, Unhealthy

STALE_SECONDS = 45.0  # a loop that has not written for this long is stuck


class HeartbeatState(TypedDict):
    """The contents of the heartbeat file: when it was written, and whether the gateway and the model were ready."""

    time: float
    gateway: bool
    model: bool


def check(file: Path | None) -> None:
    """Raise Unhealthy unless `file` is recent and says that the gateway is connected and the model is ready."""
    if file is None:
        raise InvalidSettings("BOT_HEARTBEAT_FILE is not set. Set it to the same file as for the running bot.")
    try:
        state: HeartbeatState = json.loads(file.read_text())
        age = time.time() - state["time"]
    except FileNotFoundError:
        raise Unhealthy(
            f"unhealthy: the heartbeat file {file} does not exist. The bot is not running, or it uses another file."
        ) from None
    except PermissionError:
        raise Unhealthy(f"unhealthy: no permission to read {file}. Run this as the bot's user or as root.") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise Unhealthy(f"unhealthy: {file} is not a valid heartbeat file.") from None
    if age > STALE_SECONDS:
        raise Unhealthy(f"unhealthy: the last heartbeat is {age:.0f} seconds old. The bot was killed or is stuck.")
    if not state.get("model"):
        raise Unhealthy("unhealthy: the model is not ready.")
    if not state.get("gateway"):
        raise Unhealthy("unhealthy: the bot is not connected to Discord.")
