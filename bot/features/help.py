"""`/help`: all commands with examples."""

from collections.abc import Iterable

import discord
from discord import app_commands
from discord.ext import commands

from bot.answers.answer import BLURPLE
from bot.answers.client import BotClient, Interaction
from bot.answers.delivery import acknowledge
from bot.answers.error_reply import reply_on_error
from bot.rendering.escaping import escape_prose

MOST_FIELDS = 25  # Discord's limit for an embed
INTRODUCTION = (
    "Look inside a small language model: what it would say next, how sure it is, and why. All numbers are the model's "
    "own. It is small and makes mistakes.\nMost commands have the option `private`: only you see the answer."
)


class Help(commands.Cog):
    """The command `/help`. Its answer is always private."""

    def __init__(self, bot: BotClient) -> None:
        self._bot = bot

    @app_commands.command(name="help", extras={"example": "/help"})
    @reply_on_error
    async def help(self, interaction: Interaction) -> None:
        """Show every command with an example."""
        slash_commands = [
            command for command in self._bot.tree.walk_commands() if isinstance(command, app_commands.Command)
        ]
        menus = [menu.name for menu in self._bot.tree.get_commands(type=discord.AppCommandType.message)]
        embeds = help_embeds(slash_commands, menus)
        await acknowledge(interaction, interaction.response.send_message(embeds=embeds, ephemeral=True))


async def setup(bot: BotClient) -> None:
    """Add the command."""
    await bot.add_cog(Help(bot))


def help_embeds(
    slash_commands: Iterable[app_commands.Command[commands.Cog, ..., object]], message_menus: Iterable[str]
) -> list[discord.Embed]:
    """Return embeds with each command's description, example and other options, and with the context menus last."""
    embeds = [discord.Embed(title="Nightword", description=INTRODUCTION, colour=BLURPLE)]
    for command in sorted(slash_commands, key=lambda command: command.qualified_name):
        example = command.extras["example"]
        lines = [escape_prose(command.description), f"`{example}`"]
        if more := [parameter.display_name for parameter in command.parameters if _is_named(parameter, example)]:
            lines.append(f"More options: {escape_prose(', '.join(more))}")
        _add(embeds, f"/{command.qualified_name}", "\n".join(lines))
    *menus, last = [f"*{escape_prose(name)}*" for name in sorted(message_menus)]
    value = f"Right-click or long-press a message, then *Apps* → {', '.join(menus)} or {last}. Only you see the answer."
    _add(embeds, "On a message", value)
    return embeds


def _is_named(parameter: app_commands.Parameter, example: str) -> bool:
    """Return whether the help names an option: not if its example does, nor if nearly every command has it."""
    return parameter.display_name != "private" and f" {parameter.display_name}:" not in example


def _add(embeds: list[discord.Embed], name: str, value: str) -> None:
    """Add a field to the last embed, or to a new one if the last is full."""
    if len(embeds[-1].fields) == MOST_FIELDS:
        embeds.append(discord.Embed(colour=BLURPLE))
    embeds[-1].add_field(name=name, value=value, inline=False)
