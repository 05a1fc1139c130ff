"""What can be watched, and who may do what there, checked at every command and button.

A place is a channel in which members write, a thread, a forum with its posts, or a category. Discord's other kinds of
channels have no messages of a server's members, or are unknown to discord.py.
"""

from collections.abc import Sequence

import discord

from bot.errors import NotPermitted

# A voice or stage channel has a chat of its own; announcement channels are text channels, media channels are forums.
Chat = discord.TextChannel | discord.VoiceChannel | discord.StageChannel
Readable = Chat | discord.Thread  # where a message can stand
Place = Readable | discord.ForumChannel | discord.CategoryChannel
Part = Chat | discord.ForumChannel
LOG_NEEDS = ("view_channel", "send_messages", "embed_links", "read_message_history")


def places_of(channel: discord.abc.Snowflake) -> list[int]:
    """Return the ids of the places to which a message in `channel` belongs, the narrowest first.

    A channel with permissions of its own is no part of its category: who moderates the one may not see the other. The
    threads of a text channel are talk about it, and are watched one by one.
    """
    if isinstance(channel, discord.Thread):
        forum = channel.parent
        return [channel.id, *(_with_category(forum) if isinstance(forum, discord.ForumChannel) else [])]
    return _with_category(channel) if isinstance(channel, Chat) else [channel.id]


def channels_in(place: Place) -> list[Readable]:
    """Return the channels, and the open posts of forums, whose messages belong to `place`."""
    if isinstance(place, discord.CategoryChannel):
        return [channel for part in _parts(place) if part.permissions_synced for channel in channels_in(part)]
    return list(place.threads) if isinstance(place, discord.ForumChannel) else [place]


def left_out(place: Place) -> list[Part]:
    """Return the channels of a category that are no part of it."""
    if not isinstance(place, discord.CategoryChannel):
        return []
    return [part for part in _parts(place) if not part.permissions_synced]


def threads_left_out(place: Place) -> list[discord.Thread]:
    """Return the open threads of the text channels of `place`, which are no part of it."""
    channels = [channel for channel in channels_in(place) if isinstance(channel, discord.TextChannel)]
    return [thread for channel in channels for thread in channel.threads]


def has_threads_left_out(place: Place) -> bool:
    """Return whether threads can be opened in `place` that are no part of it."""
    return any(isinstance(channel, discord.TextChannel) for channel in (place, *channels_in(place)))


def seen_by(member: discord.Member, channels: Sequence[Part | discord.Thread]) -> list[Part | discord.Thread]:
    """Return those of `channels` that `member` sees: nobody learns of hidden ones from the bot."""
    return [channel for channel in channels if _sees(member, channel)]


def find_place(guild: discord.Guild, place_id: int) -> Place | None:
    """Return a place of `guild`, None where the bot does not see it."""
    found = guild.get_channel_or_thread(place_id)
    return found if isinstance(found, Place) else None


def needed_to_read(channel: Place) -> tuple[str, ...]:
    """Return the permissions without which Discord shows nobody what is written in `channel`."""
    is_voice = isinstance(channel, discord.VoiceChannel | discord.StageChannel)
    return ("view_channel", "connect") if is_voice else ("view_channel",)


def _sees(member: discord.Member, channel: Part | discord.Thread) -> bool:
    permissions = channel.permissions_for(member)
    is_private = isinstance(channel, discord.Thread) and channel.is_private()
    return permissions.view_channel and (not is_private or permissions.manage_threads)


def _parts(category: discord.CategoryChannel) -> list[Part]:
    return [channel for channel in category.channels if isinstance(channel, Part)]


def _with_category(channel: Part) -> list[int]:
    category = [channel.category_id] if channel.category_id is not None and channel.permissions_synced else []
    return [channel.id, *category]


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
