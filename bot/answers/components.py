"""Buttons, menus and forms that work after a restart: their state is in the custom_id and the message."""

import re
from abc import abstractmethod
from typing import Self

import discord

from bot.answers import component_text
from bot.answers.client import Interaction
from bot.answers.error_reply import answer_bug, reply_on_error

_NONE = r"(?!)"  # matches nothing: the template of an abstract component


class PersistentButton(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=_NONE):
    """A button that is rebuilt from its custom_id when it is pressed. `template` is the pattern of the custom_id."""

    def __init_subclass__(cls, *, template: str) -> None:
        super().__init_subclass__(template=template + component_text.PATTERN)

    @classmethod
    async def from_custom_id(cls, _: object, __: object, match: re.Match[str], /) -> Self:
        """Return the button with this custom_id."""
        return cls.of(match)

    @classmethod
    @abstractmethod
    def of(cls, match: re.Match[str]) -> Self:
        """Return the button with this custom_id."""

    @reply_on_error
    async def callback(self, interaction: Interaction, /) -> None:  # type: ignore[override]  # the client is always ours
        """Handle a press, with errors as replies."""
        await self.press(interaction)

    @abstractmethod
    async def press(self, interaction: Interaction) -> None:
        """Handle a press."""


class PersistentMenu(discord.ui.DynamicItem[discord.ui.Select[discord.ui.View]], template=_NONE):
    """A menu that is rebuilt from its custom_id and its options when something is chosen."""

    def __init_subclass__(cls, *, template: str) -> None:
        super().__init_subclass__(template=template + component_text.PATTERN)

    @classmethod
    async def from_custom_id(cls, _: object, item: object, match: re.Match[str], /) -> Self:
        """Return the menu with this custom_id."""
        assert isinstance(item, discord.ui.Select)  # noqa: S101  # its custom_id is a menu's
        return cls.of(match, item.options)

    @classmethod
    @abstractmethod
    def of(cls, match: re.Match[str], options: list[discord.SelectOption]) -> Self:
        """Return the menu with this custom_id and these options."""

    @reply_on_error
    async def callback(self, interaction: Interaction, /) -> None:  # type: ignore[override]  # the client is always ours
        """Handle a choice, with errors as replies."""
        await self.choose(interaction, self.item.values[0])

    @abstractmethod
    async def choose(self, interaction: Interaction, value: str) -> None:
        """Handle a choice: the `value` of the chosen option."""


class Form(discord.ui.Modal):
    """A form whose errors are answered like a command's."""

    @reply_on_error
    async def on_submit(self, interaction: Interaction, /) -> None:  # type: ignore[override]  # as above
        """Handle the submitted form, with errors as replies."""
        await self.submit(interaction)

    @abstractmethod
    async def submit(self, interaction: Interaction) -> None:
        """Handle the submitted form."""

    async def on_error(self, interaction: Interaction, error: Exception, /) -> None:  # type: ignore[override]  # as discord.py's own Modal
        """Reply to a bug in the form."""
        await answer_bug(interaction, error, f"the form {self.title!r}")


def view_of(*items: PersistentButton | PersistentMenu) -> discord.ui.View:
    """Return a view without a timeout, so that its components stay usable."""
    view = discord.ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    return view
