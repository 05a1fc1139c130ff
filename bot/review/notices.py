"""What members of a watched place are told, where they read it."""

import logging

import discord

from bot.rendering.review import NOTICE
from bot.review.places import Place, Readable, channels_in
from bot.storage.review_store import ReviewStore

log = logging.getLogger(__name__)


async def post_notices(store: ReviewStore, place: Place) -> int:
    """Tell every text channel and thread of `place` what is read and why; return how many were told.

    A forum has no place for it but its guidelines, which are its moderators'.
    """
    # A thread of a forum is one of its posts.
    channels = [one for one in channels_in(place) if not isinstance(getattr(one, "parent", None), discord.ForumChannel)]
    return sum([await post_notice(store, place.id, channel) for channel in channels])


async def post_notice(store: ReviewStore, place_id: int, channel: Readable) -> bool:
    """Tell a channel of a place what is read and why; False where the bot may not."""
    try:
        notice = await channel.send(NOTICE)
    except discord.Forbidden as refusal:
        log.warning("the notice could not be posted in %d: %s", channel.id, refusal)
        return False
    await store.add_notice(place_id, channel.id, notice.id)
    return True
