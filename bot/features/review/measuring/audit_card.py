"""What the buttons of an audit know about the message above them."""

from dataclasses import dataclass

HASH_LENGTH = 16  # characters of the content hash: a custom_id has room for 100


@dataclass(frozen=True, slots=True)
class AuditCard:
    """A message that is shown in an audit: how it was drawn, and for which version of the question."""

    question_id: int
    version_id: int
    message_id: int
    hash_start: str
    weight: float

    def custom_id(self, action: str) -> str:
        """Return the custom_id of a button below this card."""
        parts = (self.question_id, self.version_id, self.message_id, self.hash_start, f"{self.weight:.6g}", action)
        return ":".join(["audit", *map(str, parts)])
