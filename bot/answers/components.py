"""Buttons, menus and forms that work after a restart: everything they need is in their custom_id and their message."""

import re
from abc import abstractmethod
from typing import Self

import discord

from bot.answers.client import Interaction
from bot.answers.error_reply import answer_bug, reply_on_error

_NONE = r"(?!)"  # the template of a class that is no component itself


class PersistentButton(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=_NONE):
    """A button that is made again from its custom_id, which its class's `template` matches, when it is pressed."""

    @classmethod
    async def from_custom_id(cls, _: object, __: object, match: re.Match[str], /) -> Self:
        """Return the button that was pressed."""
        return cls.of(match)

    @classmethod
    @abstractmethod
    def of(cls, match: re.Match[str]) -> Self:
        """Return the button of a custom_id."""

    @reply_on_error
    async def callback(self, interaction: Interaction, /) -> None:  # type: ignore[override]  # the client is always ours
        """Do what the button says."""
        await self.press(interaction)

    @abstractmethod
    async def press(self, interaction: Interaction) -> None:
        """Do what the button says."""


class PersistentMenu(discord.ui.DynamicItem[discord.ui.Select[discord.ui.View]], template=_NONE):
    """A menu that is made again from its custom_id and its options when something is chosen."""

    @classmethod
    async def from_custom_id(cls, _: object, item: object, match: re.Match[str], /) -> Self:
        """Return the menu in which something was chosen."""
        assert isinstance(item, discord.ui.Select)  # noqa: S101  # its custom_id is a menu's
        return cls.of(match, item.options)

    @classmethod
    @abstractmethod
    def of(cls, match: re.Match[str], options: list[discord.SelectOption]) -> Self:
        """Return the menu of a custom_id, with its options."""

    @reply_on_error
    async def callback(self, interaction: Interaction, /) -> None:  # type: ignore[override]  # the client is always ours
        """Do what was chosen."""
        await self.choose(interaction, self.item.values[0])

    @abstractmethod
    async def choose(self, interaction: Interaction, value: str) -> None:
        """Do what was chosen: the option's `value`."""


class Form(discord.ui.Modal):
    """A form whose failures are answered like a command's."""

    @reply_on_error
    async def on_submit(self, interaction: Interaction, /) -> None:  # type: ignore[override]  # as above
        """Do what was filled in."""
        await self.submit(interaction)

    @abstractmethod
    async def submit(self, interaction: Interaction) -> None:
        """Do what was filled in."""

    async def on_error(self, interaction: Interaction, error: Exception, /) -> None:  # type: ignore[override]  # as discord.py's own Modal
        """Answer a bug in the form."""
        await answer_bug(interaction, error, f"the form {self.title!r}")


def view_of(*items: PersistentButton | PersistentMenu) -> discord.ui.View:
    """Return components that stay usable: without a timeout."""
    view = discord.ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    return view
