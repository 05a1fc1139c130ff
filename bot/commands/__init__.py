"""The slash commands, one a file. Each file has a `setup(bot, executor, settings)` and is found by discovery."""

import importlib
import pkgutil

from discord.ext import commands

from bot.engine.executor import ModelExecutor
from bot.settings import Settings


async def add_commands(bot: commands.Bot, executor: ModelExecutor, settings: Settings) -> None:
    """Add the command of every module in this package to `bot`."""
    for found in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{found.name}")
        await module.setup(bot, executor, settings)
