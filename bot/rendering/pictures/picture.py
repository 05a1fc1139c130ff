"""A picture that is done: its file, and what it shows in words."""

from dataclasses import dataclass

ALT_LIMIT = 1024  # characters of an attachment's description


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, and its alt text, which states the figures. Raises ValueError where Discord would not take it."""

    png: bytes
    alt: str

    def __post_init__(self) -> None:
        if not 0 < len(self.alt) <= ALT_LIMIT:
            raise ValueError(f"an alt text of {len(self.alt)} characters")
