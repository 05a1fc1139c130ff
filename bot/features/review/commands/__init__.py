"""`/review`: moderators choose channels whose messages are scored, and decide about flagged messages."""

from discord import app_commands
from discord.ext import commands

from bot.answers.client import BotClient
from bot.features.review.access import find_reviews
from bot.features.review.commands import privacy, questions
from bot.features.review.commands.export import Exporting
from bot.features.review.commands.inspect import Inspecting
from bot.features.review.commands.measure import MeasuringCommands
from bot.features.review.commands.questions import Questioning
from bot.features.review.commands.watch import Backfilling, Exempting, Watching
from bot.features.review.reader import ReviewReader


# Every context is stated, because the tree's defaults fill in those that guild_only leaves open.
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.allowed_installs(guilds=True, users=False)
@app_commands.default_permissions(manage_messages=True)
class ReviewChannels(
    Watching,
    Questioning,
    MeasuringCommands,
    Inspecting,
    Backfilling,
    Exporting,
    Exempting,
    commands.GroupCog,
    group_name="review",
):
    """Score the messages of a channel and show the scores to moderators."""

    def __init__(self, reader: ReviewReader) -> None:
        self._reader = reader


async def setup(bot: BotClient) -> None:
    """Add the commands if review channels are switched on."""
    reader = find_reviews(bot)
    if isinstance(reader, ReviewReader):
        await bot.add_cog(ReviewChannels(reader))
        await questions.setup(bot, reader)
    await privacy.setup(bot)
