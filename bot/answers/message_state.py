"""The state of a message's buttons and menus: a small JSON file attached to the message."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import discord

from bot.answers.client import Interaction
from bot.answers.delivery import ATTEMPT_SECONDS, NO_NEWS_FROM_DISCORD
from bot.answers.receipt import AnsweredBy
from bot.errors import ReceiptUnusable
from bot.questions.language_model import ModelInfo

T = TypeVar("T")


async def fetch_message(interaction: Interaction) -> discord.Message:
    """Return the current version of the message whose button was pressed.

    The copy that comes with the press can be out of date. The press must be deferred. Raises ReceiptUnusable.
    """
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS):
            return await interaction.original_response()
    except discord.NotFound:
        raise ReceiptUnusable("This message has been deleted. Ask again.") from None
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD):
        raise ReceiptUnusable("Discord couldn't return this message just now. Try again.") from None


async def read_attachment(message: discord.Message | None, filename: str, read: Callable[[str], T]) -> T:
    """Return the result of `read` for the text of an attached file.

    Raises ReceiptUnusable if the file is missing or unreadable, or if `read` raises ValueError.
    """
    attachments = () if message is None else message.attachments
    attachment = next((file for file in attachments if file.filename == filename), None)
    if attachment is None:
        raise ReceiptUnusable(f"This message no longer has the file {filename} that this button needs. Ask again.")
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS):
            return read((await attachment.read()).decode())
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD, ValueError):
        raise ReceiptUnusable(f"This message's file {filename} can't be read. Ask again.") from None


def check_model(written_by: AnsweredBy, model: ModelInfo | None) -> None:
    """Raise ReceiptUnusable if the running model's name or revision differs from the message's."""
    if model is not None and not written_by.is_model(model):
        raise ReceiptUnusable(
            f"This answer is from the model {written_by.name}, but the bot now runs {model.short_name}. Ask again."
        )
