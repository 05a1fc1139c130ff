"""Register the commands with Discord, only if they changed."""

import logging
from collections.abc import Mapping, Sequence

import discord

from bot.answers.client import BotClient
from bot.answers.delivery import NO_NEWS_FROM_DISCORD
from bot.errors import InvalidSettings

MAX_SERVERS_SEARCHED = 200  # for leftover commands: one page of Discord's list

LEFT_OVER = (
    "commands from an earlier BOT_GUILD_IDS; if they appear twice in a server, start the bot once with BOT_GUILD_IDS "
    "set to that server, then start it without"
)
PROBLEMS = (discord.HTTPException, *NO_NEWS_FROM_DISCORD)

log = logging.getLogger(__name__)

Json = dict[str, object]

# The fields that define a command, as Discord names them. Ids, versions and derived fields are not compared.
_COMPARED = frozenset(
    {"name", "name_localizations", "description", "description_localizations", "type", "options", "required", "choices",
     "value", "min_value", "max_value", "min_length", "max_length", "autocomplete", "channel_types", "nsfw",
     "default_member_permissions"}
)  # fmt: skip
_COMPARED_GLOBALLY = _COMPARED | {"contexts", "integration_types"}  # a server's commands have neither


async def sync_commands(bot: BotClient, guild_ids: Sequence[int]) -> None:
    """Register the commands of `bot` globally, or only in the servers `guild_ids`, and remove them elsewhere.

    A failed registration raises Discord's error, or InvalidSettings for a server that refuses the commands. A failed
    removal of commands from earlier starts is only logged.
    """
    ours: list[Json] = [command.to_dict(bot.tree) for command in bot.tree.get_commands()]
    if not guild_ids:
        # If there were no global commands, the bot last ran with guild_ids, and those servers still have its commands.
        if not await _put_globally(bot, ours):
            await _remove_left_over(bot, guild_ids)
        return
    for guild_id in guild_ids:
        try:
            await _put_in_server(bot, guild_id, ours)
        except (discord.Forbidden, discord.NotFound):
            raise InvalidSettings(
                f"BOT_GUILD_IDS names the server {guild_id}, which refused the bot's commands. Invite the bot to it "
                "with the link that `nightword doctor` prints, or remove the id from BOT_GUILD_IDS."
            ) from None
    try:
        await _put_globally(bot, [])
    except PROBLEMS as problem:
        log.warning(
            "could not remove the global commands of an earlier start, so commands can appear twice until the next "
            "start: %s",
            problem,
        )
    await _remove_left_over(bot, guild_ids)


async def _remove_left_over(bot: BotClient, guild_ids: Sequence[int]) -> None:
    """Remove the commands of an earlier BOT_GUILD_IDS from servers that are not in `guild_ids`; log failures."""
    try:
        joined_ids = [guild.id async for guild in bot.fetch_guilds(limit=MAX_SERVERS_SEARCHED, with_counts=False)]
    except PROBLEMS as problem:
        log.warning("could not list the servers to search for %s: %s", LEFT_OVER, problem)
        return
    for guild_id in joined_ids:
        if guild_id in guild_ids:
            continue
        try:
            await _put_in_server(bot, guild_id, [])
        except PROBLEMS as problem:
            log.warning("could not search the server %d for %s: %s", guild_id, LEFT_OVER, problem)
            if not isinstance(problem, (discord.Forbidden, discord.NotFound)):
                return  # an outage: the library would try five times for each of the remaining servers


async def _put_globally(bot: BotClient, wanted: list[Json]) -> bool:
    """Register `wanted` as the global commands if they differ; return whether there were any before."""
    assert bot.application_id is not None  # noqa: S101  # known since the login
    registered = await bot.http.get_global_commands(bot.application_id)
    if _essence(registered, _COMPARED_GLOBALLY) != _essence(wanted, _COMPARED_GLOBALLY):
        await bot.http.bulk_upsert_global_commands(bot.application_id, payload=wanted)
        log.info("registered %d commands globally", len(wanted))
    return bool(registered)


async def _put_in_server(bot: BotClient, guild_id: int, wanted: list[Json]) -> None:
    """Register `wanted` as the commands of one server if they differ."""
    assert bot.application_id is not None  # noqa: S101  # as above
    registered = await bot.http.get_guild_commands(bot.application_id, guild_id)
    local = [{key: value for key, value in command.items() if key in _COMPARED} for command in wanted]
    if _essence(registered, _COMPARED) != _essence(local, _COMPARED):
        await bot.http.bulk_upsert_guild_commands(bot.application_id, guild_id, payload=local)
        log.info("registered %d commands in the server %d", len(local), guild_id)


def _essence(registered: Sequence[Mapping[str, object]], compared: frozenset[str]) -> list[Json]:
    """Return commands in a comparable form: sorted, without the fields that Discord adds and without empty values."""
    essences = [_essential_fields(command, compared) for command in registered]
    return sorted(essences, key=lambda command: (str(command.get("type", 1)), str(command["name"])))


def _essential_fields(fields: Mapping[str, object], compared: frozenset[str]) -> Json:
    kept = {key: _comparable(item, compared) for key, item in fields.items() if key in compared}
    if kept.get("default_member_permissions") is not None:  # sent as a number, returned as a string
        kept["default_member_permissions"] = str(kept["default_member_permissions"])
    return {key: item for key, item in kept.items() if item is not False and item not in (None, "", [], {})}


def _comparable(value: object, compared: frozenset[str]) -> object:
    if isinstance(value, list):
        items = [_comparable(item, compared) for item in value]
        numbers = [item for item in items if isinstance(item, int)]
        return sorted(numbers) if len(numbers) == len(items) else items
    return _essential_fields(value, compared) if isinstance(value, dict) else value
