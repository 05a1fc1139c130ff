"""`/help`: all commands, and a menu that explains each of them with an example."""

import re
from collections.abc import Iterable
from typing import TypeAlias

import discord
from discord import app_commands
from discord.ext import commands

from bot.answers.answer import BLURPLE
from bot.answers.client import BotClient, Interaction
from bot.answers.components import PersistentMenu, view_of
from bot.answers.delivery import acknowledge
from bot.answers.error_reply import reply_on_error
from bot.errors import ReceiptUnusable
from bot.rendering.escaping import escape_prose

OVERVIEW = "help"  # the value of the menu's option for the list of all commands
DESCRIPTION_LIMIT = 100  # characters of an option's description
INTRODUCTION = (
    "See what a small language model would say next, how sure it is, and why. The model makes mistakes. Most "
    "commands have the option `private`: only you see the answer."
)

Command: TypeAlias = app_commands.Command[commands.Cog, ..., object]
Commands: TypeAlias = Iterable[Command | app_commands.Group]


class Help(commands.Cog):
    """The command `/help`. Its answer is always private."""

    @app_commands.command(name="help", extras={"example": "/help"})
    @reply_on_error
    async def help(self, interaction: Interaction) -> None:
        """Show every command with an example."""
        embed, menu = help_page(interaction.client.tree, OVERVIEW)
        response = interaction.response.send_message(embed=embed, view=view_of(menu), ephemeral=True)
        await acknowledge(interaction, response)


class HelpMenu(PersistentMenu, template="help"):
    """The menu of commands. Its answer replaces the page above it."""

    def __init__(self, options: list[discord.SelectOption]) -> None:
        placeholder = "Show a command's options and example"
        super().__init__(discord.ui.Select(custom_id="help", placeholder=placeholder, options=options))

    @classmethod
    def of(cls, _: re.Match[str], options: list[discord.SelectOption]) -> "HelpMenu":
        """Return the menu."""
        return cls(options)

    async def choose(self, interaction: Interaction, value: str) -> None:
        """Show a command, the commands of a group, or the list of all commands."""
        embed, menu = help_page(interaction.client.tree, value)
        await acknowledge(interaction, interaction.response.edit_message(embed=embed, view=view_of(menu)))


async def setup(bot: BotClient) -> None:
    """Add the command and its menu."""
    await bot.add_cog(Help())
    bot.add_dynamic_items(HelpMenu)


def help_page(tree: app_commands.CommandTree[BotClient], name: str) -> tuple[discord.Embed, HelpMenu]:
    """Return the page of a command, of a group or of all commands, and the menu that leads to the others.

    Raises ReceiptUnusable if there is no command `name` any longer.
    """
    top = tree.get_commands(type=discord.AppCommandType.chat_input)
    if name == OVERVIEW:
        menus = [menu.name for menu in tree.get_commands(type=discord.AppCommandType.message)]
        return _overview(top, menus), _menu(top, OVERVIEW)
    found = next((command for command in tree.walk_commands() if command.qualified_name == name), None)
    if found is None:
        raise ReceiptUnusable("This command no longer exists. Use /help again.")
    if isinstance(found, app_commands.Group):
        return _group_page(found), _menu(found.commands, name)
    return _command_page(found), _menu(top if found.parent is None else found.parent.commands, name)


def _overview(top: Commands, message_menus: Iterable[str]) -> discord.Embed:
    lines = [
        INTRODUCTION,
        "",
        *_lines(command for command in top if command.name != OVERVIEW and not _is_group(command)),
    ]
    if groups := [f"**/{command.name}**" for command in _sorted(top) if _is_group(command)]:
        lines.append(f"More in the menu below: {', '.join(groups)}")
    *menus, last = [f"*{escape_prose(name)}*" for name in sorted(message_menus)]
    value = f"Right-click or long-press a message, then *Apps* → {', '.join(menus)} or {last}. Only you see the answer."
    embed = discord.Embed(title="Nightword", description="\n".join(lines), colour=BLURPLE)
    return embed.add_field(name="On a message", value=value, inline=False)


def _group_page(group: app_commands.Group) -> discord.Embed:
    return discord.Embed(
        title=f"/{group.qualified_name}", description="\n".join(_lines(group.commands)), colour=BLURPLE
    )


def _command_page(command: Command) -> discord.Embed:
    lines = [escape_prose(command.description), f"`{command.extras['example']}`"]
    options = [
        f"{'**' if parameter.required else ''}`{parameter.display_name}`{'**' if parameter.required else ''} "
        f"{escape_prose(str(parameter.description))}"
        for parameter in command.parameters
    ]
    if options:  # in the description, because /continue has more than fit in a field
        lines += ["", "**Options**", *options]
    return discord.Embed(title=f"/{command.qualified_name}", description="\n".join(lines), colour=BLURPLE)


def _lines(shown: Commands) -> list[str]:
    return [f"**/{command.qualified_name}** {escape_prose(command.description)}" for command in _sorted(shown)]


def _menu(shown: Commands, current: str) -> HelpMenu:
    """Return a menu of commands and groups, and of the list of all commands if `current` is something else."""
    options = [
        discord.SelectOption(
            label=f"/{command.qualified_name}",
            value=command.qualified_name,
            description=command.description[:DESCRIPTION_LIMIT],
            default=command.qualified_name == current,
        )
        for command in _sorted(shown)
        if command.qualified_name != OVERVIEW
    ]
    if current != OVERVIEW:
        options.append(discord.SelectOption(label="All commands", value=OVERVIEW))
    return HelpMenu(options)


def _is_group(command: Command | app_commands.Group) -> bool:
    return isinstance(command, app_commands.Group)


def _sorted(shown: Commands) -> list[Command | app_commands.Group]:
    return sorted(shown, key=lambda command: command.qualified_name)
