"""What a message shows: its buttons, and its picture."""

import io
import json
from typing import Any

import simcord
from PIL import Image

from bot.answers import component_text
from bot.rendering.pictures.picture import ALT_LIMIT

PNG = b"\x89PNG\r\n\x1a\n"


def parts_of(message: Any) -> list[dict[str, Any]]:
    """Return buttons and menus as dicts: an answer has plain components, a history has discord.py's objects."""
    rows = [row if isinstance(row, dict) else row.to_dict() for row in message.components]
    return [part for row in rows for part in row["components"]]


def buttons(message: Any) -> dict[str, bool]:
    """Return each button's label, and whether it can be pressed."""
    return {part["label"]: not part.get("disabled", False) for part in parts_of(message) if "label" in part}


def files(message: Any) -> list[str]:
    """Return the names of the files shown as cards below the message. The picture in its embed has no card."""
    return [file.filename for file in message.attachments if file.filename != "picture.png"]


async def state_of(message: Any, filename: str = "receipt.json") -> dict[str, Any]:
    """Return the state of a message's buttons: from its file, its components, or its picture."""
    for file in message.attachments:
        if file.filename == filename:
            return _object(await file.read())
    text = component_text.read_text([part["custom_id"] for part in parts_of(message)])
    if text is not None and "state" in json.loads(text):
        return _object(json.dumps(json.loads(text)["state"]))
    (picture,) = [file for file in message.attachments if file.filename == "picture.png"]
    return _object(Image.open(io.BytesIO(await picture.read())).text["nightword"])  # type: ignore[attr-defined]  # of PNG files


def names_of(message: Any) -> list[str]:
    """Return the names below an open walk, which are in its components."""
    text = component_text.read_text([part["custom_id"] for part in parts_of(message)])
    names: list[str] = [] if text is None else json.loads(text)["side"]["by"]
    return names


def _object(text: str | bytes) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(text)
    return content


def remove_state(env: simcord.Env, message: Any) -> None:
    """Take away all that the buttons below a message need: files, picture, and what its custom_ids hold."""
    stored = env.backend.get_message(message.channel_id, message.id)
    stored.attachments.clear()
    for embed in stored.embeds:
        embed.pop("image", None)
    for part in (part for row in stored.components for part in row["components"]):
        part["custom_id"] = part["custom_id"].partition("~")[0]


async def check_picture(message: Any) -> None:
    (picture,) = [attachment for attachment in message.attachments if attachment.filename == "picture.png"]
    content = await picture.read()
    assert content.startswith(PNG)
    assert len(content) < 200_000
    assert 20 < len(picture.description) <= ALT_LIMIT
    assert "picture.png" in message.embeds[0].image.url
