"""The parts of every answer: an embed within Discord's limits, files, buttons, and a footer that names the model."""

import io
from dataclasses import dataclass, field, replace

import discord

from bot.questions.language_model import RunInfo
from bot.rendering.json_objects import JsonObject
from bot.rendering.pictures.picture import Picture
from bot.rendering.prose import visible_excerpt
from bot.rendering.tables import duration

PICTURE = "picture.png"
RECEIPT = "receipt.json"
DESCRIPTION_LIMIT = 4096
FOOTER_LIMIT = 2048
BLURPLE = discord.Colour(0x5865F2)
GREEN = discord.Colour(0x248046)
RED = discord.Colour(0xDA373C)
AMBER = discord.Colour(0xF0B232)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file attached to an answer. Text is encoded as UTF-8; bytes are sent unchanged."""

    filename: str
    content: str | bytes
    description: str

    def file(self) -> discord.File:
        """Return a new discord.File, which can be sent only once."""
        content = self.content.encode("utf-8") if isinstance(self.content, str) else self.content
        return discord.File(io.BytesIO(content), self.filename, description=self.description)


@dataclass(frozen=True, slots=True)
class State:
    """What the buttons below an answer need, as JSON, and the file for it where nothing else can hold it."""

    text: str
    filename: str = RECEIPT
    description: str = "The question and outcome, used by the buttons"

    def attachment(self) -> Attachment:
        """Return the state as a file."""
        return Attachment(self.filename, self.text, self.description)


@dataclass(frozen=True, slots=True)
class Answer:
    """An embed, its files, and the buttons below it.

    `place_state` puts `state` into the picture, into the components, or into a file. `side_state` is small, and only
    ever in the components, because people pass pictures on. It is left out if it doesn't fit there.
    """

    embed: discord.Embed
    attachments: tuple[Attachment, ...] = ()
    view: discord.ui.View | None = None
    state: State | None = None
    side_state: JsonObject = field(default_factory=dict)

    def files(self) -> list[discord.File]:
        """Return the attachments as new discord.Files."""
        return [attachment.file() for attachment in self.attachments]

    def with_picture(self, picture: Picture, filename: str = PICTURE) -> "Answer":
        """Return this answer with `picture` in its embed. The alt text becomes the file's description."""
        file = Attachment(filename, picture.png, picture.alt)
        embed = self.embed.copy().set_image(url=f"attachment://{filename}")
        return replace(self, embed=embed, attachments=(*self.attachments, file))


def footer(run: RunInfo) -> str:
    """Return a footer with the model, its dtype, the engine if it isn't the default one, and the time taken."""
    text = f"{run.model.short_name} · {run.model.computed_in} · {duration(run.seconds)}"
    return visible_excerpt(text, FOOTER_LIMIT)
