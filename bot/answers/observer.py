"""What is reported about every interaction, for metrics."""

from enum import StrEnum


class Ending(StrEnum):
    """How an interaction ended. Each ends in exactly one way."""

    ANSWERED = "answered"
    STOPPED = "stopped"  # answered with the text so far, because someone pressed Stop
    INVALID = "invalid"  # the request can't be done as asked
    REFUSED = "refused"  # not accepted: the queue is full, the model is loading, the bot is shutting down
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"  # by its user, before anything was computed
    UNACKNOWLEDGED = "unacknowledged"  # Discord didn't accept the acknowledgement, so nothing was computed
    UNDELIVERED = "undelivered"  # Discord didn't accept the answer, or the bot stopped before
    FAILED = "failed"  # the operator has to change something, or there is a bug


class AnswerObserver:
    """Is told about interactions. This base class ignores them.

    `command` is the name of a registered command, the class of a button, menu or form, or "other".
    """

    def acknowledge(self, seconds: float) -> None:
        """Note that Discord accepted the first response, `seconds` after the interaction arrived."""

    def end(self, command: str, ending: Ending, seconds: float) -> None:
        """Note how an interaction ended, `seconds` after it arrived."""
