"""Finding the slash commands: each feature's `command` module has a `setup(bot, executor, settings)`."""

from discord.ext import commands

from bot.engine.executor import ModelExecutor
from bot.features import feature_modules
from bot.settings import Settings


async def add_commands(bot: commands.Bot, executor: ModelExecutor, settings: Settings) -> None:
    """Add the commands of every feature to `bot`."""
    for module in feature_modules("command", "commands"):
        await module.setup(bot, executor, settings)
