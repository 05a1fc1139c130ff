"""Discord's objects as it sends them, reduced to what discord.py needs."""

import time
from collections.abc import Sequence
from typing import Any

APPLICATION = "111111111111111111"
GUILD = "222222222222222222"
CHANNEL = "333333333333333333"

EPOCH = 1_420_070_400_000  # Discord's, in milliseconds: snowflakes count from it

Json = dict[str, Any]

ME: Json = {"id": APPLICATION, "username": "Nightword", "discriminator": "0", "avatar": None, "bot": True}

APPLICATION_OBJECT: Json = {
    "id": APPLICATION, "name": "Nightword", "icon": None, "description": "", "bot_public": True,
    "bot_require_code_grant": False, "verify_key": "0", "flags": 0, "integration_types_config": {"0": {}, "1": {}},
    "owner": {"id": "1", "username": "owner", "discriminator": "0", "avatar": None},
}  # fmt: skip

GUILD_OBJECT: Json = {
    "id": GUILD, "name": "Readers", "owner_id": "1", "roles": [], "emojis": [], "stickers": [], "features": [],
    "channels": [], "threads": [], "members": [], "presences": [], "voice_states": [], "member_count": 2,
    "preferred_locale": "en-US", "nsfw_level": 0, "premium_tier": 0, "verification_level": 0,
    "default_message_notifications": 0, "explicit_content_filter": 0, "mfa_level": 0, "system_channel_flags": 0,
    "afk_timeout": 300, "stage_instances": [], "guild_scheduled_events": [], "soundboard_sounds": [],
}  # fmt: skip


class Snowflakes:
    """Ids as Discord makes them, in the order of creation."""

    def __init__(self) -> None:
        self._serial = 0

    def snowflake(self, age: float = 0) -> str:
        """Return a new id that is `age` seconds old."""
        self._serial += 1
        return str((int((time.time() - age) * 1000) - EPOCH) << 22 | self._serial & 0x3FFFFF)


def person(number: int) -> Json:
    return {"id": str(900 + number), "username": f"user{number}", "discriminator": "0", "avatar": None}


def in_server(
    number: int,
    permissions: int,
    app_permissions: int,
    channel_id: str = CHANNEL,
    roles: Sequence[str] = (),
    guild_id: str = GUILD,
) -> Json:
    """Return the part of an interaction about a member and a server's channel."""
    member = {
        "user": person(number), "roles": list(roles), "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False,
        "mute": False, "flags": 0, "permissions": str(permissions),
    }  # fmt: skip
    channel = {"id": channel_id, "type": 0, "name": "playground", "position": 0, "permissions": str(permissions)}
    return {
        "guild_id": guild_id, "guild_locale": "en-US", "channel_id": channel_id, "channel": channel, "member": member,
        "context": 0, "authorizing_integration_owners": {"0": guild_id}, "app_permissions": str(app_permissions),
    }  # fmt: skip


def outside(number: int, context: int) -> Json:
    """Return the part of an interaction about a person in a direct message with the bot (1) or among people (2)."""
    user = person(number)
    channel = {"id": CHANNEL, "type": 1 if context == 1 else 3, "recipients": [user], "name": None, "icon": None}
    return {
        "channel_id": CHANNEL, "channel": channel, "user": user, "context": context, "app_permissions": "0",
        "authorizing_integration_owners": {"1": user["id"]},
    }  # fmt: skip


def message(message_id: str, body: Json, attachments: list[Json] | None = None, author: Json = ME) -> Json:
    return {
        "id": message_id, "type": 0 if author is not ME else 20, "channel_id": CHANNEL,
        "content": body.get("content") or "", "author": author, "timestamp": "2026-01-01T00:00:00+00:00",
        "edited_timestamp": None, "tts": False, "pinned": False, "mention_everyone": False, "mentions": [],
        "mention_roles": [], "attachments": attachments or [], "embeds": body.get("embeds", []),
        "components": body.get("components") or [],
        "flags": body.get("flags", 0),
    }  # fmt: skip


def as_registered(command_id: str, command: Json, guild_id: str | None) -> Json:
    """Return a command as Discord returns it: with ids, without false values, permissions as text."""
    options = command.get("options", [])
    permissions = command.get("default_member_permissions")
    shown = {"description": "", **command, "id": command_id, "version": "1", "application_id": APPLICATION}
    shown["options"] = [{key: value for key, value in option.items() if value is not False} for option in options]
    shown["default_member_permissions"] = None if permissions is None else str(permissions)
    if guild_id is not None:
        shown |= {"guild_id": guild_id, "contexts": None, "integration_types": [0]}
    return shown
