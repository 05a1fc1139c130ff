"""What a message's buttons and menus go on from: a small JSON file that the message carries."""

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


async def message_now(interaction: Interaction) -> discord.Message:
    """Return the message below which something was pressed, as it stands now: what the press brought can be older.

    The press has been deferred. Raises ReceiptUnusable.
    """
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS):
            return await interaction.original_response()
    except discord.NotFound:
        raise ReceiptUnusable("This message was deleted meanwhile. Ask again.") from None
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD):
        raise ReceiptUnusable("Discord does not give this message away at the moment. Try again.") from None


async def read_attached(message: discord.Message | None, filename: str, read: Callable[[str], T]) -> T:
    """Return what `read` makes of a message's file; it raises ValueError for what is none. Raises ReceiptUnusable."""
    attachments = () if message is None else message.attachments
    attachment = next((one for one in attachments if one.filename == filename), None)
    if attachment is None:
        raise ReceiptUnusable(f"This message has lost its file {filename}, from which it would go on. Ask again.")
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS):
            return read((await attachment.read()).decode())
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD, ValueError):
        raise ReceiptUnusable(f"This message's file {filename} cannot be read any more. Ask again.") from None


def check_model(written_by: AnsweredBy, model: ModelInfo | None) -> None:
    """Raise ReceiptUnusable where a message is of another model, by name and revision, than answers now."""
    if model is not None and not written_by.is_model(model):
        raise ReceiptUnusable(
            f"This was written by the model {written_by.name}, and {model.short_name} answers now. Ask again."
        )
