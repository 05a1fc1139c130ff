"""Which shards of this process are connected to Discord's gateway."""

from collections.abc import Callable

from discord.ext import commands


class GatewayStatus:
    """Keeps the ids of a bot's shards that are connected and know their servers."""

    def __init__(self, bot: commands.AutoShardedBot, connected: set[int], on_reconnect: Callable[[str], None]) -> None:
        """Listen to the events of `bot`, and change `connected` with them.

        A reconnection calls `on_reconnect` with "resumed" or "identified".
        """
        self._bot = bot
        self._connected = connected
        self._on_reconnect = on_reconnect
        self._identified: set[int] = set()
        for event, handler in (
            ("connect", self._connect),
            ("ready", self._mark_connected),
            ("resumed", self._resume),
            ("disconnect", self._disconnect),
        ):
            bot.add_listener(handler, f"on_shard_{event}")

    @property
    def problem(self) -> str:
        """Why the bot is not connected, or "" if all its shards are."""
        # None until Discord has said how many there are
        shards = self._bot.shard_ids or range(self._bot.shard_count or 1)
        # The library reports a lost connection only once it deals with it, which can be after another shard's turn.
        lost = {shard_id for shard_id, shard in self._bot.shards.items() if shard.is_closed()}
        missing = [shard_id for shard_id in shards if shard_id in lost or shard_id not in self._connected]
        if not missing:
            return ""
        return "not connected" if len(shards) == 1 else f"{len(missing)} of {len(shards)} shards are not connected"

    async def _connect(self, shard_id: int) -> None:
        if shard_id in self._identified:
            self._on_reconnect("identified")
        self._identified.add(shard_id)

    async def _mark_connected(self, shard_id: int) -> None:
        self._connected.add(shard_id)

    async def _resume(self, shard_id: int) -> None:
        self._connected.add(shard_id)
        self._on_reconnect("resumed")

    async def _disconnect(self, shard_id: int) -> None:
        self._connected.discard(shard_id)
