"""What the buttons below a message need, as it came over the wire."""

import io
import json
from urllib.parse import urlparse

from PIL import Image

from bot.answers import component_text
from tests.wire.discord_peer import Discord
from tests.wire.objects import Json


def files(message: Json) -> list[str]:
    """Return the names of the files shown as cards below a message."""
    return [attachment["filename"] for attachment in message["attachments"]]


def picture(discord: Discord, message: Json) -> bytes:
    """Return the picture of a message as it was sent."""
    return discord.files[urlparse(message["embeds"][0]["image"]["url"]).path]


def state_of(discord: Discord, message: Json, filename: str = "receipt.json") -> Json:
    """Return the state of a message's buttons: from its file, its components, or its picture."""
    for attachment in message["attachments"]:
        if attachment["filename"] == filename:
            return _object(discord.files[urlparse(attachment["url"]).path])
    ids = [part["custom_id"] for row in message["components"] for part in row["components"]]
    content = _object(component_text.read_text(ids) or "{}")
    if "state" in content:
        state: Json = content["state"]
        return state
    return _object(Image.open(io.BytesIO(picture(discord, message))).text["nightword"])  # type: ignore[attr-defined]  # of PNG files


def _object(text: str | bytes) -> Json:
    content: Json = json.loads(text)
    return content
