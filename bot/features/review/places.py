"""The places that can be watched, and permission checks for every command and button.

A place is a channel in which members write, a thread, a forum with its posts, or a category. Discord's other kinds of
channels have no messages from members, or discord.py does not know them.
"""

from collections.abc import Sequence

import discord

from bot.errors import NotPermitted

# Voice and stage channels have their own chat. For discord.py, announcement channels are text channels and media
# channels are forums.
Chat = discord.TextChannel | discord.VoiceChannel | discord.StageChannel
Readable = Chat | discord.Thread  # a channel that has messages
Place = Readable | discord.ForumChannel | discord.CategoryChannel
Part = Chat | discord.ForumChannel
LOG_NEEDS = ("view_channel", "send_messages", "embed_links", "read_message_history")


def places_of(channel: discord.abc.Snowflake) -> list[int]:
    """Return the ids of the places that include `channel`, the narrowest first.

    A category does not include channels with their own permissions, because its moderators may be unable to see them.
    A text channel does not include its threads.
    """
    if isinstance(channel, discord.Thread):
        forum = channel.parent
        return [channel.id, *(_with_category(forum) if isinstance(forum, discord.ForumChannel) else [])]
    return _with_category(channel) if isinstance(channel, Chat) else [channel.id]


def channels_in(place: Place) -> list[Readable]:
    """Return the channels and open forum posts that `place` includes."""
    if isinstance(place, discord.CategoryChannel):
        return [channel for part in _parts(place) if part.permissions_synced for channel in channels_in(part)]
    return list(place.threads) if isinstance(place, discord.ForumChannel) else [place]


def excluded_channels(place: Place) -> list[Part]:
    """Return the channels of a category that it does not include, because they have their own permissions."""
    if not isinstance(place, discord.CategoryChannel):
        return []
    return [part for part in _parts(place) if not part.permissions_synced]


def excluded_threads(place: Place) -> list[discord.Thread]:
    """Return the open threads of text channels in `place`, which it does not include."""
    channels = [channel for channel in channels_in(place) if isinstance(channel, discord.TextChannel)]
    return [thread for channel in channels for thread in channel.threads]


def has_text_channels(place: Place) -> bool:
    """Return whether `place` has text channels, whose threads it does not include."""
    return any(isinstance(channel, discord.TextChannel) for channel in (place, *channels_in(place)))


def visible_to(member: discord.Member, channels: Sequence[Part | discord.Thread]) -> list[Part | discord.Thread]:
    """Return the `channels` that `member` can see, so that the bot never reveals hidden ones."""
    return [channel for channel in channels if _sees(member, channel)]


def find_place(guild: discord.Guild, place_id: int) -> Place | None:
    """Return a place of `guild`, None if the bot can't see it."""
    channel = guild.get_channel_or_thread(place_id)
    return channel if isinstance(channel, Place) else None


def read_permissions(channel: Place) -> tuple[str, ...]:
    """Return the permissions needed to read messages in `channel`."""
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


def can_moderate(member: discord.Member, channel: Place) -> bool:
    """Return whether `member` can read `channel` and has Manage Messages there."""
    permissions = channel.permissions_for(member)
    return all(getattr(permissions, name) for name in (*read_permissions(channel), "manage_messages"))


def check_moderator(member: discord.Member, *channels: Place) -> None:
    """Raise NotPermitted unless `member` can moderate all of `channels`."""
    for channel in channels:
        if not can_moderate(member, channel):
            needed = _permission_list([*read_permissions(channel), "manage_messages"])
            raise NotPermitted(f"You need {needed} in {channel.mention} for this.")


def check_moderator_of(member: discord.Member, *channel_ids: int) -> None:
    """Raise NotPermitted unless `member` can moderate all channels with these ids in their server."""
    places: list[Place] = []
    for channel_id in channel_ids:
        place = find_place(member.guild, channel_id)
        if place is None:
            raise NotPermitted(
                f"The bot can't see <#{channel_id}>, so it can't check your permissions. Give it View Channel there."
            )
        places.append(place)
    check_moderator(member, *places)


def check_bot(channel: Place, *needs: str) -> None:
    """Raise NotPermitted unless the bot has the permissions `needs` in `channel`."""
    has = channel.permissions_for(channel.guild.me)
    if missing := [name for name in dict.fromkeys((*read_permissions(channel), *needs)) if not getattr(has, name)]:
        raise NotPermitted(f"The bot needs {_permission_list(missing)} in {channel.mention}. Grant it, then try again.")


def _permission_list(permissions: Sequence[str]) -> str:
    """Return the permissions with Discord's names, such as ``View Channel, Connect and Manage Messages``."""
    *first, last = [name.replace("_", " ").title() for name in permissions]
    return f"{', '.join(first)} and {last}" if first else last
