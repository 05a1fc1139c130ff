"""The exemptions of each server, cached."""

from collections import OrderedDict
from datetime import datetime, timedelta

import discord

from bot.storage.store import ReviewStore

ROLES_KEPT = 1000  # authors whose roles are cached, those looked up last
ROLES_KEPT_FOR = timedelta(minutes=10)  # the bot has no members intent, so it gets no event for a change of roles


class Exemptions:
    """The exempt roles and people of each server, cached until they change."""

    def __init__(self, store: ReviewStore) -> None:
        self._store = store
        self._known: dict[int, tuple[frozenset[int], frozenset[int]]] = {}
        # The roles of authors of old messages, which Discord sends without roles.
        self._roles: OrderedDict[tuple[int, int], tuple[datetime, frozenset[int]]] = OrderedDict()

    def invalidate(self, guild_id: int) -> None:
        """Discard the cached exemptions and roles of a server."""
        self._known.pop(guild_id, None)
        for key in [key for key in self._roles if key[0] == guild_id]:
            del self._roles[key]

    async def covers(self, message: discord.Message, guild: discord.Guild) -> bool:
        """Return whether the author of `message` or one of their roles is exempt."""
        roles, users = await self._of(guild.id)
        if message.author.id in users:
            return True
        return bool(roles) and not roles.isdisjoint(await self._roles_of(message.author, guild))

    async def _of(self, guild_id: int) -> tuple[frozenset[int], frozenset[int]]:
        if guild_id not in self._known:
            exemptions = await self._store.privacy.exemptions(guild_id)
            roles, users = (
                {exemption.target_id for exemption in exemptions if exemption.kind == kind} for kind in ("role", "user")
            )
            self._known[guild_id] = frozenset(roles), frozenset(users)
        return self._known[guild_id]

    async def _roles_of(self, author: discord.User | discord.Member, guild: discord.Guild) -> frozenset[int]:
        key, now = (guild.id, author.id), discord.utils.utcnow()
        if isinstance(author, discord.Member):
            self._roles.pop(key, None)  # a new message comes with current roles
            return frozenset(role.id for role in author.roles)
        known = self._roles.get(key)
        if known is not None and now - known[0] < ROLES_KEPT_FOR:
            return known[1]
        try:
            member = await guild.fetch_member(author.id)
            roles = frozenset(role.id for role in member.roles)
        except discord.NotFound:  # they left, so they have no roles
            roles = frozenset()
        self._roles[key] = now, roles
        self._roles.move_to_end(key)
        while len(self._roles) > ROLES_KEPT:
            self._roles.popitem(last=False)
        return roles
