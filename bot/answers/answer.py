"""What every answer has: an embed that fits Discord's limits, attached files, a footer that says what computed it."""

import io
from dataclasses import dataclass, replace

import discord

from bot.questions.language_model import RunInfo
from bot.rendering.pictures.picture import Picture
from bot.rendering.prose import visible_excerpt
from bot.rendering.tables import duration

DESCRIPTION_LIMIT = 4096
FOOTER_LIMIT = 2048
BLURPLE = discord.Colour(0x5865F2)
GREEN = discord.Colour(0x248046)
RED = discord.Colour(0xDA373C)
AMBER = discord.Colour(0xF0B232)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with an answer: text, which is written in UTF-8, or bytes as they are."""

    filename: str
    content: str | bytes
    description: str

    def file(self) -> discord.File:
        """Return a new discord.File, which can be sent once."""
        content = self.content.encode("utf-8") if isinstance(self.content, str) else self.content
        return discord.File(io.BytesIO(content), self.filename, description=self.description)


@dataclass(frozen=True, slots=True)
class Answer:
    """An embed, the files that hold what it had no room for, and the buttons below."""

    embed: discord.Embed
    attachments: tuple[Attachment, ...] = ()
    view: discord.ui.View | None = None

    def files(self) -> list[discord.File]:
        """Return the attachments as files, new on every call."""
        return [attachment.file() for attachment in self.attachments]

    def with_picture(self, picture: Picture, filename: str = "picture.png") -> "Answer":
        """Return this answer with a picture in its embed; the alt text is the file's description."""
        shown = Attachment(filename, picture.png, picture.alt)
        embed = self.embed.copy().set_image(url=f"attachment://{filename}")
        return replace(self, embed=embed, attachments=(*self.attachments, shown))


def footer(run: RunInfo) -> str:
    """Return model, dtype and time taken."""
    text = f"{run.model.short_name} · {run.model.dtype} · {duration(run.seconds)}"
    return visible_excerpt(text, FOOTER_LIMIT)
