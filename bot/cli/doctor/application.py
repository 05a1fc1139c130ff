"""Checks of the application at Discord: token, intents, installation, servers and permissions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import discord

from bot.app.command_sync import MAX_SERVERS_SEARCHED
from bot.app.login import application_id, bot_token, intents, invite_permissions, login_errors, use_proxy
from bot.cli.doctor.finding import Finding
from bot.errors import BotError
from bot.settings import Settings

JoinedGuild: TypeAlias = Mapping[str, object]  # as Discord sends it

PORTAL = "https://discord.com/developers/applications"
NEEDS_THE_TOKEN = ("application", "intents", "installation", "servers", "permissions")

# The portal's name of each privileged intent, and the flags for it: an application with the intent has one of them.
PRIVILEGED = {
    "presences": ("Presence Intent", ("gateway_presence", "gateway_presence_limited")),
    "members": ("Server Members Intent", ("gateway_guild_members", "gateway_guild_members_limited")),
    "message_content": ("Message Content Intent", ("gateway_message_content", "gateway_message_content_limited")),
}


async def check_application(settings: Settings) -> list[Finding]:
    """Log in as the bot without connecting. Return the results, with the invitation links last."""
    token = None
    try:
        token = bot_token(settings)
        use_proxy(settings)
        async with discord.Client(intents=discord.Intents.none()) as client:
            with login_errors():
                await client.login(token)
                guilds = await client.http.get_guilds(MAX_SERVERS_SEARCHED, with_counts=False)
                shard_count = None if settings.shard_count is None else (await client.http.get_bot_gateway())[0]
            return [*_check_login(client, guilds, settings), *_check_shards(shard_count, settings)]
    except BotError as error:
        unknown = [Finding.open(subject, "not checked until Discord accepts the token.") for subject in NEEDS_THE_TOKEN]
        client_id = application_id(token) if token is not None else None
        return [Finding.bad("token", str(error)), *unknown, *_invitations(client_id, settings)]


def _check_login(client: discord.Client, guilds: Sequence[JoinedGuild], settings: Settings) -> Iterator[Finding]:
    application = client.application
    assert application is not None  # noqa: S101  # known since the login
    yield Finding.good("token", f"accepted by Discord; the bot is {client.user}")
    yield _application(application)
    yield intents_finding(intents(settings), application.flags)
    yield _installation(application)
    yield from _servers(guilds, settings.guild_ids, invite_permissions(settings))
    yield from _invitations(application.id, settings)


def _check_shards(recommended: int | None, settings: Settings) -> Iterator[Finding]:
    if recommended is not None and settings.shard_count is not None and recommended > settings.shard_count:
        yield Finding.open(
            "shards",
            f"Discord recommends {recommended}, but BOT_SHARD_COUNT is {settings.shard_count}. A shard can have 2,500 "
            "servers. To change the number, stop all processes first.",
        )


def _invitations(client_id: int | None, settings: Settings) -> Iterator[Finding]:
    if client_id is None:
        yield Finding.open("invite", f"the link appears here once DISCORD_TOKEN is valid. Get a token at {PORTAL}")
        return
    scopes = ("bot", "applications.commands")
    server = discord.utils.oauth_url(client_id, permissions=invite_permissions(settings), scopes=scopes)
    person = discord.utils.oauth_url(client_id, scopes=("applications.commands",))
    yield Finding.open("invite", f"to a server: {server}")
    yield Finding.open("invite", f"for yourself, everywhere: {person}&integration_type=1")


def _application(application: discord.AppInfo) -> Finding:
    if application.interactions_endpoint_url:
        return Finding.bad(
            "application",
            "it has an Interactions Endpoint URL, so Discord sends commands there instead. Clear the field: "
            f"{PORTAL}/{application.id}/information",
        )
    if application.bot_require_code_grant:
        return Finding.bad(
            "application",
            f"it requires an OAuth2 code grant, which makes invitations fail. Turn this option off: "
            f"{PORTAL}/{application.id}/bot",
        )
    whose = "anyone can invite it" if application.bot_public else "only its owner can invite it (Public Bot is off)"
    return Finding.good("application", f"{application.name}, id {application.id}; {whose}")


def intents_finding(wanted_intents: discord.Intents, flags: discord.ApplicationFlags) -> Finding:
    """Report whether the application has each privileged intent of `wanted_intents`."""
    wanted = {name: title for name, (title, _) in PRIVILEGED.items() if getattr(wanted_intents, name)}
    missing = [title for name, title in wanted.items() if not any(getattr(flags, flag) for flag in PRIVILEGED[name][1])]
    if missing:
        return Finding.bad(
            "intents",
            f"off: {' and '.join(missing)}. To turn on: {PORTAL}, your application, Bot, Privileged Gateway Intents.",
        )
    return Finding.good("intents", ", ".join(wanted.values()) or "no privileged intent is needed")


def _installation(application: discord.AppInfo) -> Finding:
    page = f"{PORTAL}/{application.id}/installation"
    if application.guild_integration_config is None:
        return Finding.bad("installation", f"it can't be installed in servers. Tick Guild Install: {page}")
    if application.user_integration_config is None:
        return Finding.open(
            "installation", f"in servers only. To let people install it for themselves, tick User Install: {page}"
        )
    return Finding.good("installation", "in servers, and by people for themselves")


def _servers(guilds: Sequence[JoinedGuild], guild_ids: Sequence[int], wanted: discord.Permissions) -> Iterator[Finding]:
    absent = {str(guild_id) for guild_id in guild_ids} - {guild["id"] for guild in guilds}
    if absent and len(guilds) < MAX_SERVERS_SEARCHED:
        listed = ", ".join(sorted(absent))
        yield Finding.bad(
            "servers", f"BOT_GUILD_IDS names {listed}, but the bot isn't a member there. Invite it, or remove the id."
        )
        return
    if not guilds:
        yield Finding.open("servers", "the bot is in no server yet. Open the link below to invite it.")
        yield Finding.open("permissions", "not checked until the bot is in a server.")
        return
    yield Finding.good(
        "servers", f"the bot is in {len(guilds)}{' or more' if len(guilds) == MAX_SERVERS_SEARCHED else ''}"
    )
    problems = [text for guild in guilds if (text := _missing_permissions(guild, wanted))]
    if problems:
        yield Finding.bad("permissions", f"{'; '.join(problems)}. Invite the bot again with the link below.")
    else:
        yield Finding.good("permissions", ", ".join(_names(wanted)))


def _missing_permissions(guild: JoinedGuild, wanted: discord.Permissions) -> str | None:
    has = discord.Permissions(int(str(guild["permissions"])))
    missing = discord.Permissions(wanted.value & ~has.value)
    if has.administrator or not missing.value:
        return None
    return f"missing in {guild['name']}: {', '.join(_names(missing))}"


def _names(permissions: discord.Permissions) -> list[str]:
    # The names on Discord's pages. discord.py keeps an older name for one of them.
    given = ["view_channels" if name == "read_messages" else name for name, allowed in permissions if allowed]
    return [name.replace("_", " ").title() for name in given]
