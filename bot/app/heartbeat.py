"""The heartbeat file: written by the event loop, checked by `nightword health`."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from discord.ext import commands, tasks

from bot.app.health import HeartbeatState
from bot.engine.executor import ModelExecutor
from bot.errors import InvalidSettings

INTERVAL_SECONDS = 10.0


class Heartbeat(commands.Cog):
    """Writes every ten seconds whether all shards are connected and the model is ready."""

    def __init__(self, executor: ModelExecutor, is_connected: Callable[[], bool], file: Path) -> None:
        """Raise InvalidSettings if `file` can't be written."""
        self._executor = executor
        self._is_connected = is_connected
        self._file = file
        self._write()

    async def cog_load(self) -> None:
        """Start writing."""
        self._beat.start()

    async def cog_unload(self) -> None:
        """Stop writing and delete the file, which would otherwise report a stopped bot as running."""
        self._beat.cancel()
        self._file.unlink(missing_ok=True)

    @tasks.loop(seconds=INTERVAL_SECONDS)
    async def _beat(self) -> None:
        self._write()

    def _write(self) -> None:
        status = self._executor.status
        state = HeartbeatState(time=time.time(), gateway=self._is_connected(), model=status.model is not None)
        new = self._file.with_name(self._file.name + ".new")
        try:
            new.write_text(json.dumps(state))  # 60 bytes: not worth a thread
            new.replace(self._file)
        except OSError as error:
            raise InvalidSettings(
                f"BOT_HEARTBEAT_FILE names {self._file}, which can't be written: {error.strerror}. Name a file in a "
                "folder that exists and is writable, or leave the setting empty."
            ) from None
