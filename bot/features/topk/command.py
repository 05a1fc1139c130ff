"""`/topk`: the most probable next tokens, and a walk along them."""

from discord import app_commands
from discord.ext import commands

from bot.answers.client import BotClient, Interaction
from bot.answers.error_reply import reply_on_error
from bot.answers.parameters import ShownTokens, Text, describe_options
from bot.features.topk.walk import MoreOfWalk, StepMenu, WalkButton, start_walk
from bot.questions.topk import TopKQuestion


class TopK(commands.Cog):
    """The command `/topk`."""

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
        """Show the most probable next tokens after a prompt, and choose a path through them."""
        await start_walk(interaction, TopKQuestion.from_options(prompt, k), private=private)


async def setup(bot: BotClient) -> None:
    """Add the command and the components below its answers, including answers from before a restart."""
    await bot.add_cog(TopK())
    bot.add_dynamic_items(StepMenu, WalkButton, MoreOfWalk)
