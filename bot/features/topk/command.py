"""`/topk`: the most probable next tokens, and a walk along them."""

from discord import app_commands
from discord.ext import commands

from bot.answers.client import BotClient, Interaction
from bot.answers.error_reply import reply_on_error
from bot.answers.parameters import ShownTokens, Text, describe_options
from bot.features.topk.walk import StepMenu, WalkButton, start_walk
from bot.questions.topk import TopKQuestion


class TopK(commands.Cog):
    """Shows what the model would say next, and how sure it is."""

    @app_commands.command(name="topk", extras={"example": "/topk prompt:It was a dark and stormy k:10"})
    @describe_options("topk")
    @reply_on_error
    async def topk(
        self,
        interaction: Interaction,
        prompt: Text,
        k: ShownTokens | None = None,
        private: bool = False,
    ) -> None:
        """Show the model's most probable next tokens after a prompt, and choose your way along them."""
        await start_walk(interaction, TopKQuestion.from_options(prompt, k), private=private)


async def setup(bot: BotClient) -> None:
    """Add the command and the walk below its answers, also those of an earlier run."""
    await bot.add_cog(TopK())
    bot.add_dynamic_items(StepMenu, WalkButton)
