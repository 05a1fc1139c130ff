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
    """The command `/guess`."""

    @app_commands.command(name="guess", extras={"example": "/guess prompt:The old man looked at the"})
    @describe_options("guess")
    @reply_on_error
    async def guess(
        self,
        interaction: Interaction,
        prompt: Text | None = None,
        private: bool = False,
    ) -> None:
        """Guess the next token together, and see how probable the model finds each guess."""
        await open_round(interaction, prompt or random.choice(OPENINGS), private=private)


async def setup(bot: BotClient) -> None:
    """Add the command and the buttons of its rounds, including rounds from before a restart."""
    await bot.add_cog(Guess())
    bot.add_dynamic_items(RoundButton)
