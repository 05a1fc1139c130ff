"""Tell Discord of the commands, and only when they changed."""

import logging
from collections.abc import Sequence
from typing import Any

import discord
from discord.ext import commands

from bot.errors import InvalidSettings

MAX_SERVERS_SEARCHED = 200  # for commands left over in them: one page of Discord's list

log = logging.getLogger(__name__)

Json = dict[str, Any]

# What a command is made of, in Discord's words; ids, versions and what Discord derives stand beside it.
_COMPARED = frozenset(
    {"name", "name_localizations", "description", "description_localizations", "type", "options", "required", "choices",
     "value", "min_value", "max_value", "min_length", "max_length", "autocomplete", "channel_types", "nsfw",
     "default_member_permissions"}
)  # fmt: skip
_COMPARED_GLOBALLY = _COMPARED | {"contexts", "integration_types"}  # a server's own commands have neither


async def sync_commands(bot: commands.Bot, guild_ids: Sequence[int]) -> None:
    """Register the commands of `bot` globally, or in the servers `guild_ids` alone, and nowhere else.

    Raises InvalidSettings for a server that does not take them.
    """
    ours: list[Json] = [command.to_dict(bot.tree) for command in bot.tree.get_commands()]
    for guild_id in guild_ids:
        try:
            await _put_in_server(bot, guild_id, ours)
        except discord.Forbidden:
            raise InvalidSettings(
                f"BOT_GUILD_IDS names the server {guild_id}, which does not take the bot's commands. Invite the bot "
                "there with the link that the command doctor prints, or take the id out of BOT_GUILD_IDS."
            ) from None
    there_before = await _put_everywhere(bot, [] if guild_ids else ours)
    # A server's own commands are left over where the bot ran with other guild_ids, and then there were no global ones.
    if guild_ids or not there_before:
        async for guild in bot.fetch_guilds(limit=MAX_SERVERS_SEARCHED, with_counts=False):
            if guild.id not in guild_ids:
                await _put_in_server(bot, guild.id, [])


async def _put_everywhere(bot: commands.Bot, wanted: list[Json]) -> list[Json]:
    """Make `wanted` the global commands, if they are not; return what they were before."""
    assert bot.application_id is not None  # noqa: S101  # known since the login
    there: list[Any] = await bot.http.get_global_commands(bot.application_id)
    if _essence(there, _COMPARED_GLOBALLY) != _essence(wanted, _COMPARED_GLOBALLY):
        await bot.http.bulk_upsert_global_commands(bot.application_id, payload=wanted)
        log.info("%d commands were synced globally", len(wanted))
    return there


async def _put_in_server(bot: commands.Bot, guild_id: int, wanted: list[Json]) -> None:
    """Make `wanted` the commands of one server, if they are not."""
    assert bot.application_id is not None  # noqa: S101  # as above
    there: list[Any] = await bot.http.get_guild_commands(bot.application_id, guild_id)
    local = [{key: value for key, value in command.items() if key in _COMPARED} for command in wanted]
    if _essence(there, _COMPARED) != _essence(local, _COMPARED):
        await bot.http.bulk_upsert_guild_commands(bot.application_id, guild_id, payload=local)
        log.info("%d commands were synced to the server %d", len(local), guild_id)


def _essence(registered: list[Json], compared: frozenset[str]) -> list[Any]:
    """Return commands as they can be compared: in one order, without what Discord adds and what means nothing."""
    essences = [_comparable(command, compared) for command in registered]
    return sorted(essences, key=lambda command: (command.get("type", 1), command["name"]))


def _comparable(value: Any, compared: frozenset[str]) -> Any:
    if isinstance(value, list):
        items = [_comparable(item, compared) for item in value]
        return sorted(items) if all(isinstance(item, int) for item in items) else items
    if not isinstance(value, dict):
        return value
    kept = {key: _comparable(item, compared) for key, item in value.items() if key in compared}
    if kept.get("default_member_permissions") is not None:  # sent as a number, given back as text
        kept["default_member_permissions"] = str(kept["default_member_permissions"])
    return {key: item for key, item in kept.items() if item is not False and item not in (None, "", [], {})}
