"""Finding the slash commands: each feature's `command` module has a `setup(bot)`."""

from bot.answers.client import BotClient
from bot.features import feature_modules


async def add_commands(bot: BotClient) -> None:
    """Add the commands of every feature to `bot`."""
    for module in feature_modules("command", "commands"):
        await module.setup(bot)
