"""A file that says that the bot does its work: written by the event loop, read by `nightword health`."""

import json
import time
from pathlib import Path
from typing import Any

from discord.ext import commands, tasks

from bot.errors import InvalidSettings, Unhealthy
from bot.inference.executor import ModelExecutor

INTERVAL_SECONDS = 10.0
STALE_SECONDS = 45.0  # a loop that has not written for so long stands still


class Heartbeat(commands.Cog):
    """Writes every ten seconds whether the gateway is connected and the model ready, as long as the loop runs."""

    def __init__(self, executor: ModelExecutor, file: Path) -> None:
        """Raise InvalidSettings where `file` cannot be written."""
        self._executor = executor
        self._file = file
        self._connected = False
        self._write()

    async def cog_load(self) -> None:
        """Begin."""
        self._beat.start()

    async def cog_unload(self) -> None:
        """End; a heartbeat that is left behind would say that a bot is alive that is not."""
        self._beat.cancel()
        self._file.unlink(missing_ok=True)

    @commands.Cog.listener("on_ready")
    @commands.Cog.listener("on_resumed")
    async def _connect(self) -> None:
        self._connected = True

    @commands.Cog.listener("on_disconnect")
    async def _disconnect(self) -> None:
        self._connected = False

    @tasks.loop(seconds=INTERVAL_SECONDS)
    async def _beat(self) -> None:
        self._write()

    def _write(self) -> None:
        status = self._executor.status
        state = {"time": time.time(), "gateway": self._connected, "model": status.model is not None}
        new = self._file.with_name(self._file.name + ".new")
        try:
            new.write_text(json.dumps(state))  # 60 bytes: not worth a thread
            new.replace(self._file)
        except OSError as error:
            raise InvalidSettings(
                f"BOT_HEARTBEAT_FILE names {self._file}, which cannot be written: {error.strerror}. Name a file in a "
                "folder that is there and may be written to, or leave it empty."
            ) from None


def check(file: Path | None) -> None:
    """Raise Unhealthy unless `file` says that the loop runs, the gateway is connected and the model is ready."""
    if file is None:
        raise InvalidSettings("BOT_HEARTBEAT_FILE is not set. Give it the value that the running bot has.")
    try:
        state: dict[str, Any] = json.loads(file.read_text())
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
        raise Unhealthy(f"unhealthy: the last heartbeat is {age:.0f} seconds old: the bot was killed, or stands still.")
    if not state.get("model"):
        raise Unhealthy("unhealthy: the model is not ready.")
    if not state.get("gateway"):
        raise Unhealthy("unhealthy: there is no connection to Discord.")
