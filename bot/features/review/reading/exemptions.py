"""Whose messages a server's moderators do not want read."""

from collections import OrderedDict
from datetime import datetime, timedelta

import discord

from bot.storage.store import ReviewStore

ROLES_KEPT = 1000  # authors whose roles are kept at hand, those that were looked up last
ROLES_KEPT_FOR = timedelta(minutes=10)  # Discord tells of a change only those with an intent that the bot does without


class Exemptions:
    """The exempt roles and people of each server, kept at hand until they change."""

    def __init__(self, store: ReviewStore) -> None:
        self._store = store
        self._known: dict[int, tuple[frozenset[int], frozenset[int]]] = {}
        # Of authors of old messages, which come without them.
        self._roles: OrderedDict[tuple[int, int], tuple[datetime, frozenset[int]]] = OrderedDict()

    def invalidate(self, guild_id: int) -> None:
        """Read the exemptions of a server again the next time they are needed."""
        self._known.pop(guild_id, None)
        for key in [key for key in self._roles if key[0] == guild_id]:
            del self._roles[key]

    async def covers(self, message: discord.Message, guild: discord.Guild) -> bool:
        """Return whether the author of `message` is exempt, or has a role that is."""
        roles, users = await self._of(guild.id)
        if message.author.id in users:
            return True
        return bool(roles) and not roles.isdisjoint(await self._roles_of(message.author, guild))

    async def _of(self, guild_id: int) -> tuple[frozenset[int], frozenset[int]]:
        if guild_id not in self._known:
            found = await self._store.privacy.exemptions(guild_id)
            roles, users = ({one.target_id for one in found if one.kind == kind} for kind in ("role", "user"))
            self._known[guild_id] = frozenset(roles), frozenset(users)
        return self._known[guild_id]

    async def _roles_of(self, author: discord.User | discord.Member, guild: discord.Guild) -> frozenset[int]:
        key, now = (guild.id, author.id), discord.utils.utcnow()
        if isinstance(author, discord.Member):
            self._roles.pop(key, None)  # these are newer, and come with every new message
            return frozenset(role.id for role in author.roles)
        known = self._roles.get(key)
        if known is not None and now - known[0] < ROLES_KEPT_FOR:
            return known[1]
        try:
            member = await guild.fetch_member(author.id)
            roles = frozenset(role.id for role in member.roles)
        except discord.NotFound:  # they left, and have no roles any more
            roles = frozenset()
        self._roles[key] = now, roles
        self._roles.move_to_end(key)
        while len(self._roles) > ROLES_KEPT:
            self._roles.popitem(last=False)
        return roles
