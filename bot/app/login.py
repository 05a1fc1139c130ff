"""Getting into Discord: token, intents and permissions, and words for what Discord or the network says against it."""

import base64
import binascii
import contextlib
import re
from collections.abc import Iterator

import aiohttp
import discord
from yarl import URL

from bot.errors import DiscordUnreachable, IntentsMissing, TokenMissing, TokenRejected
from bot.settings import Settings

# Three parts of base64: the bot's id, the time, a signature.
_TOKEN = re.compile(r"([\w-]{18,})\.[\w-]{5,}\.[\w-]{20,}")

# Close codes of the gateway that connecting again does not mend.
_CLOSED: dict[int, type[TokenRejected | IntentsMissing]] = {
    4004: TokenRejected,
    4013: IntentsMissing,
    4014: IntentsMissing,
}

INTENTS = discord.Intents(guilds=True)  # none that is privileged: no messages are read
REVIEW_INTENTS = discord.Intents(guilds=True, guild_messages=True, message_content=True)
# What a server is asked to give it: answers need none of them, a message of its own in a channel does.
INVITE_PERMISSIONS = discord.Permissions(
    view_channel=True, send_messages=True, send_messages_in_threads=True, embed_links=True, attach_files=True
)


def bot_token(settings: Settings) -> str:
    """Return the token. Raises TokenMissing, which never shows what stands in its place."""
    if settings.discord_token is None:
        raise TokenMissing("is not set")
    token = settings.discord_token.get_secret_value().strip()
    if not _TOKEN.fullmatch(token):
        raise TokenMissing("does not look like a bot token, which has three parts with a dot between them")
    return token


def application_id(token: str) -> int | None:
    """Return the id that `token` begins with, None where it does not begin with one."""
    encoded = token.partition(".")[0]
    try:
        return int(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, binascii.Error):
        return None


@contextlib.contextmanager
def login_errors() -> Iterator[None]:
    """Raise TokenRejected, IntentsMissing or DiscordUnreachable for what the library raises within."""
    try:
        yield
    except discord.LoginFailure:
        raise TokenRejected from None
    except discord.PrivilegedIntentsRequired:
        raise IntentsMissing from None
    except discord.ConnectionClosed as error:
        known = _CLOSED.get(error.code)
        raise known() if known else DiscordUnreachable(f"it closed the connection with code {error.code}") from None
    except discord.HTTPException as error:
        raise DiscordUnreachable(f"it answered {_request(error)}with status {error.status}") from None
    except (aiohttp.ClientError, discord.GatewayNotFound, TimeoutError, OSError) as error:
        raise DiscordUnreachable(str(error) or type(error).__name__) from None


def _request(error: discord.HTTPException) -> str:
    """Return the request that was refused, such as "GET /users/@me ", without the address before every path."""
    response = error.response
    if not isinstance(response, aiohttp.ClientResponse):
        return ""
    return f"{response.method} {response.url.path.removeprefix(URL(discord.http.Route.BASE).path)} "


def intents(settings: Settings) -> discord.Intents:
    """Return what the bot asks the gateway for."""
    return REVIEW_INTENTS if settings.reviews else INTENTS


def invite_permissions(settings: Settings) -> discord.Permissions:
    """Return what a server is asked to give the bot."""
    reads = settings.reviews
    return INVITE_PERMISSIONS | discord.Permissions(read_message_history=reads, add_reactions=reads)
