"""Who may do what where, asked anew at every command and button."""

from collections.abc import Sequence

import discord

from bot.errors import NotPermitted
from bot.features.review.places import Place, needed_to_read

LOG_NEEDS = ("view_channel", "send_messages", "embed_links", "read_message_history")


def may_moderate(member: discord.Member, channel: Place) -> bool:
    """Return whether `member` can read `channel`, and has Manage Messages there."""
    permissions = channel.permissions_for(member)
    return all(getattr(permissions, name) for name in (*needed_to_read(channel), "manage_messages"))


def check_moderator(member: discord.Member, *channels: Place) -> None:
    """Raise NotPermitted unless `member` may moderate all of `channels`."""
    for channel in channels:
        if not may_moderate(member, channel):
            needed = _named([*needed_to_read(channel), "manage_messages"])
            raise NotPermitted(f"In {channel.mention} you need {needed} for this.")


def check_bot(channel: Place, *needs: str) -> None:
    """Raise NotPermitted unless the bot has the permissions `needs` in `channel`."""
    has = channel.permissions_for(channel.guild.me)
    if lacking := [name for name in dict.fromkeys((*needed_to_read(channel), *needs)) if not getattr(has, name)]:
        raise NotPermitted(f"In {channel.mention} the bot lacks {_named(lacking)}. Give it that, then ask again.")


def _named(permissions: Sequence[str]) -> str:
    """Return permissions by Discord's names for them, such as ``View Channel, Connect and Manage Messages``."""
    *first, last = [name.replace("_", " ").title() for name in permissions]
    return f"{', '.join(first)} and {last}" if first else last
