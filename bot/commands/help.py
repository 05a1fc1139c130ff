"""`/help`: the commands, with examples."""

from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.delivery import acknowledge
from bot.engine.executor import ModelExecutor
from bot.error_reply import answers_errors
from bot.rendering.help import help_embeds
from bot.settings import Settings


class Help(commands.Cog):
    """Shows what can be asked; always for the asker alone."""

    def __init__(self, bot: commands.Bot) -> None:
        self._bot = bot

    @app_commands.command(name="help", extras={"example": "/help"})
    @answers_errors
    async def help(self, interaction: discord.Interaction[Any]) -> None:
        """Show every command with an example."""
        found = [command for command in self._bot.tree.walk_commands() if isinstance(command, app_commands.Command)]
        menus = [menu.name for menu in self._bot.tree.get_commands(type=discord.AppCommandType.message)]
        embeds = help_embeds(found, menus)
        await acknowledge(interaction, interaction.response.send_message(embeds=embeds, ephemeral=True))


async def setup(bot: commands.Bot, executor: ModelExecutor, settings: Settings) -> None:
    """Add the command."""
    await bot.add_cog(Help(bot))
