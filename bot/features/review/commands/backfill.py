"""`/review backfill`: scoring what was posted before."""

from discord import app_commands

from bot.answers.answering import defer
from bot.answers.client import Interaction
from bot.answers.error_reply import reply_on_error
from bot.features.review.commands.shared import PLACE_OPTION, ReviewCommands, asker, watched_or_refused
from bot.features.review.permissions import check_bot, check_moderator
from bot.features.review.places import Place, channels_in
from bot.features.review.reading.backfill import MOST


class Backfilling(ReviewCommands):
    """The command that reads old messages."""

    @app_commands.command(extras={"example": "/review backfill channel:#film-reviews limit:500"})
    @app_commands.describe(
        channel=PLACE_OPTION, limit=f"How many messages to look at, the newest first, up to {MOST:,}"
    )
    @reply_on_error
    async def backfill(
        self, interaction: Interaction, channel: Place, limit: app_commands.Range[int, 1, MOST] = 500
    ) -> None:
        """Score old messages of a watched channel, behind everybody's commands; nothing is posted about them."""
        check_moderator(asker(interaction), channel)
        await watched_or_refused(self._reader, channel, channel.mention)
        for part in channels_in(channel):
            check_bot(part, "view_channel", "read_message_history")
        if not await defer(interaction, private=True):
            return
        store = self._reader.store
        await store.audit.record(channel.guild.id, channel.id, interaction.user.id, "backfill", f"up to {limit:,}")
        await self._reader.backfills.run(interaction, channel, limit)
