"""Which servers belong to this process. Discord assigns each server to a shard by its id."""

from collections.abc import Iterable
from dataclasses import dataclass

IDS_PER_SHARD_STEP = 1 << 22  # Discord's formula: (guild_id >> 22) % shard_count


@dataclass(frozen=True, slots=True)
class Shards:
    """The shards of this process: `ids`, out of `count` in all processes of the bot."""

    count: int = 1
    ids: frozenset[int] = frozenset({0})

    @classmethod
    def of(cls, count: int | None, ids: Iterable[int] | None = None) -> "Shards":
        """Return the shards `ids` of `count`, or all of them without `ids`.

        Without a count Discord chooses it, and the process has all shards, however many there are.
        """
        total = count or 1
        return cls(total, frozenset(range(total) if ids is None else ids))

    @property
    def has_all(self) -> bool:
        """Whether this process has all shards. If not, other processes have the rest."""
        return len(self.ids) == self.count

    @property
    def has_first(self) -> bool:
        """Whether this process has shard 0: the one that does what a bot does once, and gets direct messages."""
        return 0 in self.ids


def shard_of(guild_id: int, shard_count: int) -> int:
    """Return the shard that gets the events of a server."""
    return guild_id // IDS_PER_SHARD_STEP % shard_count
