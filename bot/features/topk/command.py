"""`/topk`: the most probable next tokens, and a walk along them."""

from discord import app_commands
from discord.ext import commands

from bot.answers.answering import PRIVATE_OPTION
from bot.answers.client import BotClient, Interaction
from bot.answers.error_reply import reply_on_error
from bot.features.topk.walk import StepMenu, WalkButton, start_walk

DEFAULT_K = 10
MAX_K = 25


class TopK(commands.Cog):
    """Shows what the model would say next, and how sure it is."""

    @app_commands.command(name="topk", extras={"example": "/topk prompt:It was a dark and stormy k:10"})
    @app_commands.describe(
        prompt="The text whose next token is asked for",
        k=f"How many tokens to show, 1 to {MAX_K} ({DEFAULT_K} unless given)",
        private=PRIVATE_OPTION,
    )
    @reply_on_error
    async def topk(
        self,
        interaction: Interaction,
        prompt: app_commands.Range[str, 1, 6000],
        k: app_commands.Range[int, 1, MAX_K] = DEFAULT_K,
        private: bool = False,
    ) -> None:
        """Show the model's most probable next tokens after a prompt, and choose your way along them."""
        await start_walk(interaction, prompt, k, private=private)


async def setup(bot: BotClient) -> None:
    """Add the command and the walk below its answers, also those of an earlier run."""
    await bot.add_cog(TopK())
    bot.add_dynamic_items(StepMenu, WalkButton)
