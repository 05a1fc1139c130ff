"""What members of a watched place are told, where they read it."""

import logging

import discord

from bot.rendering.review import NOTICE
from bot.review.places import Place, channels_in
from bot.storage.review_store import ReviewStore

log = logging.getLogger(__name__)


async def post_notices(store: ReviewStore, place: Place) -> int:
    """Tell every text channel and thread of `place` what is read and why; return how many were told.

    A forum has no place for it but its guidelines, which are its moderators'.
    """
    told = 0
    for channel in channels_in(place):
        if isinstance(getattr(channel, "parent", None), discord.ForumChannel):
            continue  # a post of the forum
        try:
            notice = await channel.send(NOTICE)
        except discord.Forbidden as refusal:
            log.warning("the notice could not be posted in %d: %s", channel.id, refusal)
            continue
        await store.add_notice(place.id, channel.id, notice.id)
        told += 1
    return told
