"""Every kind of channel is read or named as not included, and moderators never learn of channels they can't see."""

from typing import Any

import discord
import pytest
from discord import app_commands

from tests.features.review.conftest import GOOD, ReviewPlace, description

# The kinds that Discord offers for the option `channel` of /review watch, and those that exist outside servers.
WATCHED = {
    discord.ChannelType.text, discord.ChannelType.news, discord.ChannelType.voice, discord.ChannelType.stage_voice,
    discord.ChannelType.forum, discord.ChannelType.media, discord.ChannelType.category,
    discord.ChannelType.public_thread, discord.ChannelType.private_thread, discord.ChannelType.news_thread,
}  # fmt: skip
OUTSIDE_SERVERS = {discord.ChannelType.private, discord.ChannelType.group}


async def channels_read(place: ReviewPlace, place_id: int) -> set[int]:
    return {message.channel_id for message in await place.store.scores.latest(place_id)}


async def deny(place: ReviewPlace, channel: Any, **permissions: bool) -> None:
    """Set permissions of a channel for everyone or, if the permission is Connect, for the bot."""
    target: Any = await place.env.bot.fetch_channel(channel.id)
    role = target.guild.me.top_role if "connect" in permissions else target.guild.default_role
    await target.set_permissions(role, **permissions)


def test_the_commands_offer_every_kind(place: ReviewPlace) -> None:
    assert set(discord.ChannelType) == WATCHED | OUTSIDE_SERVERS
    tree = place.env.bot.tree  # type: ignore[attr-defined]  # the bot is ours
    commands = [
        command
        for command in tree.walk_commands()
        if isinstance(command, app_commands.Command) and command.qualified_name.startswith("review ")
    ]
    offered = {
        command.qualified_name: set(option.channel_types)
        for command in commands
        for option in command.parameters
        if option.name == "channel"
    }
    assert len(offered) == 9
    assert all(kinds == WATCHED for kinds in offered.values())


@pytest.mark.parametrize("kind", ["text", "news", "voice", "stage"])
async def test_a_chat_is_read_alone_and_as_part_of_its_category(place: ReviewPlace, kind: str) -> None:
    category = place.guild.create_category("reviews")
    chat, apart = (
        getattr(place.guild, f"create_{kind}_channel")(name, category=within)
        for name, within in (("talk", category), ("apart", None))
    )
    for watched, channel in ((category, chat), (apart, apart)):
        result = await place.moderator.slash(place.elsewhere, "review watch", channel=watched)
        assert "The bot posted a notice for the members." in description(result)
        message = await place.member.send(channel, GOOD)
        assert await channels_read(place, watched.id) == {channel.id}
        backfilled = await place.moderator.slash(place.elsewhere, "review backfill", channel=watched)
        assert backfilled.response.embeds[0].title == "Backfill done"
        await place.member.delete(message)
        assert await channels_read(place, watched.id) == set()


async def test_a_voice_channel_created_later_gets_a_notice(place: ReviewPlace) -> None:
    category = place.guild.create_category("reviews")
    place.guild.create_text_channel("films", category=category)
    await place.moderator.slash(place.elsewhere, "review watch", channel=category)
    voice = place.guild.create_voice_channel("watch-along", category=category)
    await place.env.settle()
    assert len(voice.history()) == 1
    await place.member.send(voice, GOOD)
    assert await channels_read(place, category.id) == {voice.id}


async def test_a_voice_channel_with_its_own_permissions_is_named(place: ReviewPlace) -> None:
    category = place.guild.create_category("reviews")
    place.guild.create_text_channel("films", category=category)
    apart, staff = (place.guild.create_voice_channel(name, category=category) for name in ("apart", "staff"))
    await deny(place, apart, speak=False)
    await deny(place, staff, view_channel=False)
    result = await place.moderator.slash(place.elsewhere, "review watch", channel=category)
    assert f"{apart.mention} has its own permissions, so it is not included. Watch it" in description(result)
    assert str(staff.id) not in description(result)
    status = await place.moderator.slash(place.elsewhere, "review status")
    assert f"not included: {apart.mention}" in description(status)
    assert str(staff.id) not in description(status)


async def test_reading_the_chat_of_a_voice_channel_needs_connect(place: ReviewPlace) -> None:
    voice = place.guild.create_voice_channel("watch-along")
    await deny(place, voice, connect=False)
    result = await place.moderator.slash(place.elsewhere, "review watch", channel=voice)
    assert "The bot needs Connect in" in description(result)


async def test_threads_of_a_text_channel_are_named(place: ReviewPlace) -> None:
    without_threads = await place.watch(notice=False)
    assert "Threads in text channels are not included. Watch each one separately." in description(without_threads)
    channel: Any = await place.env.bot.fetch_channel(place.channel.id)
    await channel.create_thread(name="open", type=discord.ChannelType.public_thread)
    await channel.create_thread(name="private", type=discord.ChannelType.private_thread)
    public, private = sorted(place.channel.threads, key=lambda thread: thread.name == "private")
    for command, option in (("review watch", {"channel": place.channel}), ("review status", {})):
        text = description(await place.moderator.slash(place.elsewhere, command, **option))
        assert public.mention in text
        assert private.mention not in text  # this moderator is not a member of it


async def test_threads_in_a_category_are_named_unless_they_are_watched(place: ReviewPlace) -> None:
    category = place.guild.create_category("reviews")
    films = place.guild.create_text_channel("films", category=category)
    channel: Any = await place.env.bot.fetch_channel(films.id)
    for name in ("talk", "watched"):
        await channel.create_thread(name=name, type=discord.ChannelType.public_thread)
    talk, watched = films.threads
    await place.moderator.slash(place.elsewhere, "review watch", channel=watched, notice=False)
    result = await place.moderator.slash(place.elsewhere, "review watch", channel=category, notice=False)
    assert f"Threads in text channels are not included: {talk.mention}. Watch each one separately." in description(
        result
    )
    status = description(await place.moderator.slash(place.elsewhere, "review status"))
    assert f"not included: {talk.mention}\n" in f"{status}\n"
