"""Logging in to Discord: token, intents and permissions, and errors that explain a failed login."""

import base64
import binascii
import contextlib
import re
from collections.abc import Iterator

import aiohttp
import discord
from yarl import URL

from bot.errors import DiscordUnreachable, IntentsMissing, InvalidSettings, TokenMissing, TokenRejected
from bot.settings import Settings
from bot.storage.database_url import sqlite_file

# Three base64 parts: the bot's id, a timestamp, a signature.
_TOKEN = re.compile(r"([\w-]{18,})\.[\w-]{5,}\.[\w-]{20,}")

# Gateway close codes after which reconnecting can't help.
_CLOSED: dict[int, type[TokenRejected | IntentsMissing]] = {
    4004: TokenRejected,
    4013: IntentsMissing,
    4014: IntentsMissing,
}

# What other close codes mean, where the operator can do something about it.
_MEANING = {4011: " (a shard has more than 2,500 servers: set BOT_SHARD_COUNT to a larger number, or leave it empty)"}

INTENTS = discord.Intents(guilds=True)  # no privileged intent, so no messages are read
REVIEW_INTENTS = discord.Intents(guilds=True, guild_messages=True, message_content=True)
# Answers to commands need none of these permissions; the bot's own messages in a channel do.
INVITE_PERMISSIONS = discord.Permissions(
    view_channel=True, send_messages=True, send_messages_in_threads=True, embed_links=True, attach_files=True
)


def bot_token(settings: Settings) -> str:
    """Return the token. Raises TokenMissing, which never quotes the malformed value."""
    if settings.discord_token is None:
        raise TokenMissing("is not set")
    token = settings.discord_token.get_secret_value().strip()
    if not _TOKEN.fullmatch(token):
        raise TokenMissing("is malformed: a bot token has three parts separated by dots")
    return token


def application_id(token: str) -> int | None:
    """Return the application id that `token` begins with, or None."""
    encoded = token.partition(".")[0]
    try:
        return int(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, binascii.Error):
        return None


@contextlib.contextmanager
def login_errors() -> Iterator[None]:
    """Convert errors of discord.py and aiohttp to TokenRejected, IntentsMissing or DiscordUnreachable."""
    try:
        yield
    except discord.LoginFailure:
        raise TokenRejected from None
    except discord.PrivilegedIntentsRequired:
        raise IntentsMissing from None
    except discord.ConnectionClosed as error:
        if known := _CLOSED.get(error.code):
            raise known() from None
        code = f"{error.code}{_MEANING.get(error.code, '')}"
        raise DiscordUnreachable(f"Discord closed the connection with code {code}") from None
    except discord.HTTPException as error:
        raise DiscordUnreachable(f"Discord answered {_request(error)}with status {error.status}") from None
    except (aiohttp.ClientError, discord.GatewayNotFound, TimeoutError, OSError) as error:
        raise DiscordUnreachable(str(error) or type(error).__name__) from None


def _request(error: discord.HTTPException) -> str:
    """Return the refused request without the API's base address, such as "GET /users/@me "."""
    response = error.response
    if not isinstance(response, aiohttp.ClientResponse):
        return ""
    return f"{response.method} {response.url.path.removeprefix(URL(discord.http.Route.BASE).path)} "


def use_proxy(settings: Settings) -> None:
    """Send REST requests through the proxy of `settings`, if there is one; the gateway is connected directly.

    The library's own `proxy=` would carry the gateway, too.
    """
    if settings.discord_proxy_url is not None:
        discord.http.Route.BASE = f"{settings.discord_proxy_url}/api/v{discord.http.INTERNAL_API_VERSION}"


def check_processes(settings: Settings) -> None:
    """Raise InvalidSettings if this process has only some shards, and the processes can't share its database."""
    if not settings.shards.has_all and sqlite_file(settings.database_url.get_secret_value()) is not None:
        raise InvalidSettings(
            f"BOT_SHARD_IDS names {len(settings.shards.ids)} of {settings.shards.count} shards, so other processes "
            "have the rest, and processes can't share a SQLite database. Set BOT_DATABASE_URL=postgresql://USER:"
            "PASSWORD@SERVER/NAME in all of them, or leave BOT_SHARD_IDS empty to have all shards in this process."
        )


async def has_review_intents(token: str) -> bool:
    """Log in without connecting, and return whether the application has the privileged intent of review channels.

    Raises what `login_errors` converts.
    """
    async with discord.Client(intents=INTENTS) as client:
        await client.login(token)
        assert client.application is not None  # noqa: S101  # known since the login
        flags = client.application.flags
        return flags.gateway_message_content or flags.gateway_message_content_limited


def intents(settings: Settings) -> discord.Intents:
    """Return the intents that the bot requests from the gateway."""
    return REVIEW_INTENTS if settings.reviews else INTENTS


def invite_permissions(settings: Settings) -> discord.Permissions:
    """Return the permissions that an invitation asks a server for."""
    reads = settings.reviews
    return INVITE_PERMISSIONS | discord.Permissions(read_message_history=reads, add_reactions=reads)
