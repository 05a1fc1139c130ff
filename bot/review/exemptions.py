"""Whose messages a server's moderators do not want read."""

import discord

from bot.storage.review_store import ReviewStore


class Exemptions:
    """The exempt roles and people of each server, kept at hand until they change."""

    def __init__(self, store: ReviewStore) -> None:
        self._store = store
        self._known: dict[int, tuple[frozenset[int], frozenset[int]]] = {}
        self._roles: dict[tuple[int, int], frozenset[int]] = {}  # of authors of old messages, which come without them

    def forget(self, guild_id: int) -> None:
        """Ask anew what a server wants."""
        self._known.pop(guild_id, None)
        self._roles = {key: roles for key, roles in self._roles.items() if key[0] != guild_id}

    async def covers(self, message: discord.Message, guild: discord.Guild) -> bool:
        """Return whether the author of `message` is exempt, or has a role that is."""
        roles, users = await self._of(guild.id)
        if message.author.id in users:
            return True
        return bool(roles) and not roles.isdisjoint(await self._roles_of(message.author, guild))

    async def _of(self, guild_id: int) -> tuple[frozenset[int], frozenset[int]]:
        if guild_id not in self._known:
            found = await self._store.exemptions(guild_id)
            roles, users = ({one.target_id for one in found if one.kind == kind} for kind in ("role", "user"))
            self._known[guild_id] = frozenset(roles), frozenset(users)
        return self._known[guild_id]

    async def _roles_of(self, author: discord.User | discord.Member, guild: discord.Guild) -> frozenset[int]:
        if isinstance(author, discord.Member):
            return frozenset(role.id for role in author.roles)
        key = guild.id, author.id
        if key not in self._roles:
            try:
                member = await guild.fetch_member(author.id)
                self._roles[key] = frozenset(role.id for role in member.roles)
            except discord.NotFound:  # they left, and have no roles any more
                self._roles[key] = frozenset()
        return self._roles[key]
