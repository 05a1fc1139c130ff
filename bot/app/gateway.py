"""Whether the bot is connected to Discord's gateway, with one shard or several."""

from collections.abc import Callable

from discord.ext import commands

Bot = commands.Bot | commands.AutoShardedBot


class GatewayStatus:
    """Which shards of a bot are connected and have received their servers."""

    def __init__(self, bot: Bot, on_reconnect: Callable[[str], None]) -> None:
        """Listen to the events of `bot`. A reconnection calls `on_reconnect` with "resumed" or "identified"."""
        self._bot = bot
        self._on_reconnect = on_reconnect
        self._connected: set[int] = set()
        self._identified: set[int] = set()
        prefix = "on_shard_" if isinstance(bot, commands.AutoShardedBot) else "on_"
        for event, handler in (
            ("connect", self._connect),
            ("ready", self._mark_connected),
            ("resumed", self._resume),
            ("disconnect", self._disconnect),
        ):
            bot.add_listener(handler, prefix + event)

    @property
    def problem(self) -> str:
        """Why the bot is not connected, or "" if all its shards are."""
        missing = [shard_id for shard_id in self._shard_ids() if shard_id not in self._connected]
        if not missing:
            return ""
        total = len(self._shard_ids())
        return "not connected" if total == 1 else f"{len(missing)} of {total} shards are not connected"

    def _shard_ids(self) -> list[int]:
        """Return the ids of the shards that this process runs: those of its settings, or all."""
        if not isinstance(self._bot, commands.AutoShardedBot):
            return [0]
        return self._bot.shard_ids or list(range(self._bot.shard_count or 1))

    async def _connect(self, shard_id: int = 0) -> None:
        if shard_id in self._identified:
            self._on_reconnect("identified")
        self._identified.add(shard_id)

    async def _mark_connected(self, shard_id: int = 0) -> None:
        self._connected.add(shard_id)

    async def _resume(self, shard_id: int = 0) -> None:
        self._connected.add(shard_id)
        self._on_reconnect("resumed")

    async def _disconnect(self, shard_id: int = 0) -> None:
        self._connected.discard(shard_id)
