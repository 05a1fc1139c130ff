"""`/layers`: what the model would say after each of its layers."""

from discord import app_commands
from discord.ext import commands

from bot.answers.answering import answer
from bot.answers.client import BotClient, Interaction
from bot.answers.details import with_receipt_below
from bot.answers.error_reply import reply_on_error
from bot.answers.parameters import Positions, Text, describe_options
from bot.features.layers.embed import layers_answer
from bot.features.layers.picture import layers_picture
from bot.questions.layers import LayersQuestion


class Layers(commands.Cog):
    """The command `/layers`."""

    @app_commands.command(name="layers", extras={"example": "/layers prompt:The old man looked at the"})
    @describe_options("layers")
    @reply_on_error
    async def layers(
        self, interaction: Interaction, prompt: Text, positions: Positions | None = None, private: bool = False
    ) -> None:
        """Show what the model would say after each of its layers."""
        question = LayersQuestion.from_options(prompt, positions)
        render = with_receipt_below(question, layers_answer)
        await answer(interaction, question, render, private=private, draw=layers_picture)


async def setup(bot: BotClient) -> None:
    """Add the command."""
    await bot.add_cog(Layers())
