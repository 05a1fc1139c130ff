"""`/guess`: people guess the next token, and the model scores them."""

import random

from discord import app_commands
from discord.ext import commands

from bot.answers.client import BotClient, Interaction
from bot.answers.error_reply import reply_on_error
from bot.answers.parameters import Text, describe_options
from bot.features.guess.openings import OPENINGS
from bot.features.guess.rounds import RoundButton, open_round


class Guess(commands.Cog):
    """Lets people guess what the model would say next."""

    @app_commands.command(name="guess", extras={"example": "/guess prompt:The old man looked at the"})
    @describe_options("guess")
    @reply_on_error
    async def guess(
        self,
        interaction: Interaction,
        prompt: Text | None = None,
        private: bool = False,
    ) -> None:
        """Guess together what the model would say next, and see how probable it found each guess."""
        await open_round(interaction, prompt or random.choice(OPENINGS), private=private)


async def setup(bot: BotClient) -> None:
    """Add the command and the buttons below its rounds, also those of an earlier run."""
    await bot.add_cog(Guess())
    bot.add_dynamic_items(RoundButton)
