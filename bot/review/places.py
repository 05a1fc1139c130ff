"""What can be watched: a text channel, a thread, a forum with its posts, or a category with its channels."""

import discord

Place = discord.TextChannel | discord.Thread | discord.ForumChannel | discord.CategoryChannel
Readable = discord.TextChannel | discord.Thread  # where a message can stand


def places_of(channel: discord.abc.Snowflake) -> list[int]:
    """Return the ids of the places to which a message in `channel` belongs, the narrowest first.

    A channel with permissions of its own is no part of its category: who moderates the one may not see the other. The
    threads of a text channel are talk about it, and are watched one by one.
    """
    if isinstance(channel, discord.Thread):
        forum = channel.parent
        return [channel.id, *(_with_category(forum) if isinstance(forum, discord.ForumChannel) else [])]
    return _with_category(channel) if isinstance(channel, discord.TextChannel) else [channel.id]


def channels_in(place: Place) -> list[Readable]:
    """Return the channels, and the open posts of forums, whose messages belong to `place`."""
    if isinstance(place, discord.CategoryChannel):
        return [channel for part in _parts(place) if part.permissions_synced for channel in channels_in(part)]
    return list(place.threads) if isinstance(place, discord.ForumChannel) else [place]


def left_out(place: Place) -> list[discord.TextChannel | discord.ForumChannel]:
    """Return the channels of a category that are no part of it."""
    if not isinstance(place, discord.CategoryChannel):
        return []
    return [part for part in _parts(place) if not part.permissions_synced]


def find_place(guild: discord.Guild, place_id: int) -> Place | None:
    """Return a place of `guild`, None where the bot does not see it."""
    found = guild.get_channel_or_thread(place_id)
    return found if isinstance(found, Place) else None


def _parts(category: discord.CategoryChannel) -> list[discord.TextChannel | discord.ForumChannel]:
    return [*category.text_channels, *category.forums]


def _with_category(channel: discord.TextChannel | discord.ForumChannel) -> list[int]:
    category = [channel.category_id] if channel.category_id is not None and channel.permissions_synced else []
    return [channel.id, *category]
