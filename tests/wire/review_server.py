"""A server of the small Discord with a channel for reviews, a log channel and moderators."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import discord as library

from bot.storage.database import Database
from bot.storage.store import ReviewStore
from tests.wire.discord_peer import Discord
from tests.wire.objects import CHANNEL, GUILD, GUILD_OBJECT, ME, Json, message, person
from tests.wire.people import MEMBER

LOG = "444444444444444444"
MESSAGE_CONTENT_LIMITED = 1 << 19  # an application's flag
MODERATORS = "555555555555555555"
READS = library.Permissions(view_channel=True, send_messages=True, read_message_history=True).value
MODERATES = MEMBER | library.Permissions(manage_messages=True).value


def _role(role_id: str, name: str, permissions: int, position: int) -> Json:
    return {
        "id": role_id, "name": name, "permissions": str(permissions), "position": position, "hoist": False,
        "managed": False, "mentionable": False, "color": 0, "flags": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
    }  # fmt: skip


def _channel(guild_id: str, channel_id: str, name: str, position: int) -> Json:
    return {
        "id": channel_id, "guild_id": guild_id, "type": 0, "name": name, "position": position,
        "permission_overwrites": [], "nsfw": False, "parent_id": None, "topic": None, "last_message_id": None,
    }  # fmt: skip


_ITSELF: Json = {
    "user": ME, "roles": [], "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False, "mute": False, "flags": 0,
}  # fmt: skip


def review_server(guild_id: str, channel_id: str, log_id: str) -> Json:
    """Return a server with a channel for reviews and a log channel."""
    return {
        **GUILD_OBJECT,
        "id": guild_id,
        "roles": [_role(guild_id, "@everyone", READS, 0), _role(MODERATORS, "moderators", MODERATES, 1)],
        "channels": [
            _channel(guild_id, channel_id, "film-reviews", 0),
            _channel(guild_id, log_id, "moderators-log", 1),
        ],
        "members": [_ITSELF],
    }


REVIEW_SERVER = review_server(GUILD, CHANNEL, LOG)


def grant_message_content(discord: Discord) -> None:
    """Grant the message content intent, in a server with channels."""
    discord.gateway.grants_message_content = True
    discord.application["flags"] = MESSAGE_CONTENT_LIMITED
    discord.gateway.guild = REVIEW_SERVER


def post_review(
    discord: Discord, text: str, author: int = 0, *, guild_id: str = GUILD, channel_id: str = CHANNEL
) -> Json:
    """Post a review without sending the bot an event, and return it."""
    review = message(discord.snowflake(), {"content": text}, author=person(author))
    now = datetime.now(UTC).isoformat()
    discord.messages[review["id"]] = {**review, "guild_id": guild_id, "channel_id": channel_id, "timestamp": now}
    return discord.messages[review["id"]]


@asynccontextmanager
async def store_of(url: str) -> AsyncIterator[ReviewStore]:
    """Open the database as a second program beside the bot."""
    database = Database(url)
    await database.open()
    yield ReviewStore(database)
    await database.close()


async def watch(url: str, discord: Discord, *, flag_below: float | None = None) -> None:
    """Watch the channel from now on. With a threshold, set it live."""
    log_channel_id, last = None if flag_below is None else int(LOG), int(discord.snowflake())
    async with store_of(url) as store:
        await store.places.watch(
            int(CHANNEL), int(GUILD), flag_below=flag_below, log_channel_id=log_channel_id, watched_by=1,
            last_message_id=last, urgent_below=0.0,
        )  # fmt: skip
        if flag_below is not None:
            await store.places.set_live(int(CHANNEL), True)


def edit_review(review: Json, text: str) -> Json:
    """Edit a review without sending the bot an event."""
    review |= {"content": text, "edited_timestamp": datetime.now(UTC).isoformat()}
    return review
