"""What a message shows: its buttons, and its picture."""

from typing import Any

from bot.rendering.pictures.picture import ALT_LIMIT

PNG = b"\x89PNG\r\n\x1a\n"


def parts_of(message: Any) -> list[dict[str, Any]]:
    """Return buttons and menus as dicts: an answer has plain components, a history has discord.py's objects."""
    rows = [row if isinstance(row, dict) else row.to_dict() for row in message.components]
    return [part for row in rows for part in row["components"]]


def buttons(message: Any) -> dict[str, bool]:
    """Return each button's label, and whether it can be pressed."""
    return {part["label"]: not part.get("disabled", False) for part in parts_of(message) if "label" in part}


async def check_picture(message: Any) -> None:
    (picture,) = [attachment for attachment in message.attachments if attachment.filename == "picture.png"]
    content = await picture.read()
    assert content.startswith(PNG)
    assert len(content) < 200_000
    assert 20 < len(picture.description) <= ALT_LIMIT
    assert "picture.png" in message.embeds[0].image.url
