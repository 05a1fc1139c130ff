"""The commands as an embed, from the commands themselves."""

from collections.abc import Iterable
from typing import Any

import discord
from discord import app_commands

from bot.rendering.answer import BLURPLE, Answer
from bot.rendering.escaping import escape_prose

INTRODUCTION = (
    "A small language model, opened: what it would say next, how sure it is, and why. What you see are the model's "
    "own numbers. It is small and it errs."
)


def help_answer(commands: Iterable[app_commands.Command[Any, ..., Any]], message_menus: Iterable[str]) -> Answer:
    """Show each command with its description, an example to copy and its options, then the menus on a message."""
    embed = discord.Embed(title="Nightword", description=INTRODUCTION, colour=BLURPLE)
    for command in sorted(commands, key=lambda command: command.qualified_name):
        lines = [escape_prose(command.description), f"`{command.extras['example']}`"]
        if command.parameters:
            options = ", ".join(parameter.display_name for parameter in command.parameters)
            lines.append(f"Options: {escape_prose(options)}")
        embed.add_field(name=f"/{command.qualified_name}", value="\n".join(lines), inline=False)
    *menus, last = [f"*{escape_prose(name)}*" for name in sorted(message_menus)]
    value = f"*Apps* → {', '.join(menus)} and {last}: that message, for you alone"
    embed.add_field(name="On a message", value=value, inline=False)
    return Answer(embed)
