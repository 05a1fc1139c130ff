"""Who may do what where, asked anew at every command and button."""

import discord

from bot.errors import NotPermitted
from bot.review.places import Place

LOG_NEEDS = ("view_channel", "send_messages", "embed_links", "read_message_history")


def may_moderate(member: discord.Member, channel: Place) -> bool:
    """Return whether `member` has View Channel and Manage Messages in `channel`."""
    permissions = channel.permissions_for(member)
    return permissions.view_channel and permissions.manage_messages


def check_moderator(member: discord.Member, *channels: Place) -> None:
    """Raise NotPermitted unless `member` may moderate all of `channels`."""
    for channel in channels:
        if not may_moderate(member, channel):
            raise NotPermitted(f"In {channel.mention} you need View Channel and Manage Messages for this.")


def check_bot(channel: Place, *needs: str) -> None:
    """Raise NotPermitted unless the bot has the permissions `needs` in `channel`."""
    has = channel.permissions_for(channel.guild.me)
    if lacking := [name.replace("_", " ").title() for name in needs if not getattr(has, name)]:
        raise NotPermitted(f"In {channel.mention} the bot lacks {' and '.join(lacking)}. Give it that, then ask again.")
