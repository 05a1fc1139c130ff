"""Tell Discord of the commands, and only when they changed."""

import logging
from collections.abc import Mapping, Sequence

import discord
from discord.ext import commands

from bot.answers.delivery import NO_NEWS_FROM_DISCORD
from bot.errors import InvalidSettings

MAX_SERVERS_SEARCHED = 200  # for commands left over in them: one page of Discord's list

LEFT_OVER = (
    "commands left over from an earlier BOT_GUILD_IDS; where they are there twice, start once with BOT_GUILD_IDS set "
    "to that server, then without"
)
PROBLEMS = (discord.HTTPException, *NO_NEWS_FROM_DISCORD)

log = logging.getLogger(__name__)

Json = dict[str, object]

# What a command is made of, in Discord's words; ids, versions and what Discord derives stand beside it.
_COMPARED = frozenset(
    {"name", "name_localizations", "description", "description_localizations", "type", "options", "required", "choices",
     "value", "min_value", "max_value", "min_length", "max_length", "autocomplete", "channel_types", "nsfw",
     "default_member_permissions"}
)  # fmt: skip
_COMPARED_GLOBALLY = _COMPARED | {"contexts", "integration_types"}  # a server's own commands have neither


async def sync_commands(bot: commands.Bot, guild_ids: Sequence[int]) -> None:
    """Register the commands of `bot` globally, or in the servers `guild_ids` alone, and nowhere else.

    To register them is needed: what Discord says against it is raised, as InvalidSettings for a server that does not
    take them. To remove others, from earlier starts, is not: what hinders it is logged.
    """
    ours: list[Json] = [command.to_dict(bot.tree) for command in bot.tree.get_commands()]
    if not guild_ids:
        # A server's own commands are left over where the bot ran with other guild_ids, and then there were none here.
        if not await _put_everywhere(bot, ours):
            await _remove_left_over(bot, guild_ids)
        return
    for guild_id in guild_ids:
        try:
            await _put_in_server(bot, guild_id, ours)
        except (discord.Forbidden, discord.NotFound):
            raise InvalidSettings(
                f"BOT_GUILD_IDS names the server {guild_id}, which does not take the bot's commands. Invite the bot "
                "there with the link that the command doctor prints, or take the id out of BOT_GUILD_IDS."
            ) from None
    try:
        await _put_everywhere(bot, [])
    except PROBLEMS as problem:
        log.warning(
            "the global commands left over from an earlier start could not be removed, and may be there twice until "
            "the next start: %s",
            problem,
        )
    await _remove_left_over(bot, guild_ids)


async def _remove_left_over(bot: commands.Bot, guild_ids: Sequence[int]) -> None:
    """Remove the commands of an earlier BOT_GUILD_IDS from servers that are not in `guild_ids`, as far as possible."""
    try:
        found = [guild.id async for guild in bot.fetch_guilds(limit=MAX_SERVERS_SEARCHED, with_counts=False)]
    except PROBLEMS as problem:
        log.warning("no server was searched for %s: %s", LEFT_OVER, problem)
        return
    for guild_id in found:
        if guild_id in guild_ids:
            continue
        try:
            await _put_in_server(bot, guild_id, [])
        except PROBLEMS as problem:
            log.warning("the server %d was not searched for %s: %s", guild_id, LEFT_OVER, problem)
            if not isinstance(problem, (discord.Forbidden, discord.NotFound)):
                return  # an outage: each further server would take the library's five tries


async def _put_everywhere(bot: commands.Bot, wanted: list[Json]) -> bool:
    """Make `wanted` the global commands, if they are not; return whether there were any before."""
    assert bot.application_id is not None  # noqa: S101  # known since the login
    there = await bot.http.get_global_commands(bot.application_id)
    if _essence(there, _COMPARED_GLOBALLY) != _essence(wanted, _COMPARED_GLOBALLY):
        await bot.http.bulk_upsert_global_commands(bot.application_id, payload=wanted)
        log.info("%d commands were synced globally", len(wanted))
    return bool(there)


async def _put_in_server(bot: commands.Bot, guild_id: int, wanted: list[Json]) -> None:
    """Make `wanted` the commands of one server, if they are not."""
    assert bot.application_id is not None  # noqa: S101  # as above
    there = await bot.http.get_guild_commands(bot.application_id, guild_id)
    local = [{key: value for key, value in command.items() if key in _COMPARED} for command in wanted]
    if _essence(there, _COMPARED) != _essence(local, _COMPARED):
        await bot.http.bulk_upsert_guild_commands(bot.application_id, guild_id, payload=local)
        log.info("%d commands were synced to the server %d", len(local), guild_id)


def _essence(registered: Sequence[Mapping[str, object]], compared: frozenset[str]) -> list[Json]:
    """Return commands as they can be compared: in one order, without what Discord adds and what means nothing."""
    essences = [_essential_fields(command, compared) for command in registered]
    return sorted(essences, key=lambda command: (str(command.get("type", 1)), str(command["name"])))


def _essential_fields(fields: Mapping[str, object], compared: frozenset[str]) -> Json:
    kept = {key: _comparable(item, compared) for key, item in fields.items() if key in compared}
    if kept.get("default_member_permissions") is not None:  # sent as a number, given back as text
        kept["default_member_permissions"] = str(kept["default_member_permissions"])
    return {key: item for key, item in kept.items() if item is not False and item not in (None, "", [], {})}


def _comparable(value: object, compared: frozenset[str]) -> object:
    if isinstance(value, list):
        items = [_comparable(item, compared) for item in value]
        numbers = [item for item in items if isinstance(item, int)]
        return sorted(numbers) if len(numbers) == len(items) else items
    return _essential_fields(value, compared) if isinstance(value, dict) else value
