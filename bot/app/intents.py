"""What the bot asks of Discord's gateway, and of a server that invites it."""

import discord

from bot.settings import Settings

INTENTS = discord.Intents(guilds=True)  # none that is privileged: no messages are read
REVIEW_INTENTS = discord.Intents(guilds=True, guild_messages=True, message_content=True)
# What a server is asked to give it: answers need none of them, a message of its own in a channel does.
INVITE_PERMISSIONS = discord.Permissions(
    view_channel=True, send_messages=True, send_messages_in_threads=True, embed_links=True, attach_files=True
)


def intents(settings: Settings) -> discord.Intents:
    """Return what the bot asks the gateway for."""
    return REVIEW_INTENTS if settings.reviews else INTENTS


def invite_permissions(settings: Settings) -> discord.Permissions:
    """Return what a server is asked to give the bot."""
    reads = settings.reviews
    return INVITE_PERMISSIONS | discord.Permissions(read_message_history=reads, add_reactions=reads)
