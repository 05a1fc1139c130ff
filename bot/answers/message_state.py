"""The state of a message's buttons and menus: in its picture, in its components, or in a file, which comes last."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import discord

from bot.answers import component_text
from bot.answers.answer import PICTURE, RECEIPT, Answer, Attachment
from bot.answers.client import Interaction
from bot.answers.components import PersistentButton, PersistentMenu
from bot.answers.delivery import ATTEMPT_SECONDS, NO_NEWS_FROM_DISCORD
from bot.answers.picture_receipts import fetch_receipt, picture_url
from bot.errors import ReceiptUnusable
from bot.questions.language_model import ModelInfo
from bot.receipts.picture import put_receipt
from bot.receipts.receipt import AnsweredBy
from bot.rendering.json_objects import JsonObject

T = TypeVar("T")


def place_state(shown: Answer, *, needs_file: bool) -> Answer:
    """Return the answer with its state in the picture, or else in the components, or else in a file.

    With `needs_file`, a state in the picture is also in a file. The custom_ids of the answer's components are changed.
    """
    if shown.state is None:
        return shown
    side: JsonObject = {"side": shown.side_state} if shown.side_state else {}
    has_picture = any(file.filename == PICTURE for file in shown.attachments)
    if not has_picture and _fill_components(shown.view, {"state": _shortened(shown.state.text)} | side):
        return shown
    if side:
        _fill_components(shown.view, side)
    attachments = tuple(_with_receipt(file, shown.state.text) for file in shown.attachments)
    if needs_file or not has_picture:
        attachments = (shown.state.attachment(), *attachments)
    return replace(shown, attachments=attachments)


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


async def read_state(
    interaction: Interaction,
    read: Callable[[str], T],
    *,
    filename: str = RECEIPT,
    message: discord.Message | None = None,
) -> T:
    """Return the result of `read` for the state of a message, by default the one whose button was pressed.

    Raises ReceiptUnusable if there is no state, or `read` raises ValueError.
    """
    message = message or interaction.message
    assert message is not None  # noqa: S101  # a component belongs to a message
    attachment = next((file for file in message.attachments if file.filename == filename), None)
    try:
        if attachment is not None:
            what = f"file {filename}"
            async with asyncio.timeout(ATTEMPT_SECONDS):
                return read((await attachment.read()).decode())
        what = "data"
        if (state := _read_components(message).get("state")) is not None:
            return read(json.dumps(state))
        what = "picture"
        text = await fetch_receipt(interaction.client, message)
        if text is not None:
            return read(text)
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD, ValueError):
        raise ReceiptUnusable(f"This message's {what} can't be read. Ask again.") from None
    if picture_url(message) is None:
        raise ReceiptUnusable("This message no longer has the data that this button needs. Ask again.")
    interaction.client.picture_receipts.note_missing()
    raise ReceiptUnusable("Discord removed the data that this button needs from the picture. Ask again.")


def read_side_state(message: discord.Message) -> JsonObject:
    """Return the side state in the components of a message, or an empty one."""
    try:
        side = _read_components(message).get("side")
    except ValueError:
        return {}
    return side if isinstance(side, dict) else {}


def custom_ids_of(message: discord.Message) -> list[str]:
    """Return the custom_ids of a message's buttons and menus, in the order in which they are shown."""
    parts = [part for row in message.components if isinstance(row, discord.ActionRow) for part in row.children]
    return [part.custom_id for part in parts if part.custom_id is not None]


def check_model(written_by: AnsweredBy, model: ModelInfo | None) -> None:
    """Raise ReceiptUnusable if the running model's name or revision differs from the message's."""
    if model is not None and not written_by.is_model(model):
        raise ReceiptUnusable(
            f"This answer is from the model {written_by.name}, but the bot now runs {model.short_name}. Ask again."
        )


def _shortened(text: str) -> JsonObject:
    """Return the state without the hash of the output ids, which they give again."""
    fields: JsonObject = json.loads(text)
    return {name: value for name, value in fields.items() if name != "output_sha256"}


def _with_receipt(file: Attachment, receipt: str) -> Attachment:
    """Return the file with the receipt in it, if it is the picture."""
    if file.filename != PICTURE or isinstance(file.content, str):
        return file
    return replace(file, content=put_receipt(file.content, receipt))


def _fill_components(view: discord.ui.View | None, content: JsonObject) -> bool:
    """Put `content` into the custom_ids of a view, and return whether it fits."""
    if view is None:
        return False
    items = {item.custom_id: item for item in view.children if isinstance(item, PersistentButton | PersistentMenu)}
    shown = [part["custom_id"] for row in view.to_components() for part in row["components"]]
    custom_ids = [custom_id for custom_id in shown if custom_id in items]
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    filled = component_text.fit_text(text, custom_ids)
    for before, after in zip(custom_ids, filled or (), strict=filled is not None):
        items[before].custom_id = after
    return filled is not None


def _read_components(message: discord.Message) -> JsonObject:
    """Return the content of the components, or an empty one. Raises ValueError if it is damaged."""
    text = component_text.read_text(custom_ids_of(message))
    content = {} if text is None else json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("the components hold something else")  # noqa: TRY004  # the text is wrong, not a type
    return content
