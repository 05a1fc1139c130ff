"""What a model writes after a prompt."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from bot.questions.generation import GenerationParameters

FinishReason = Literal["length", "stop", "stopped"]


@dataclass(frozen=True, slots=True)
class Continuation:
    """What the model wrote after a prompt.

    `output_ids` are the new ids only, a final end-of-text token included; `text` is what they add to the prompt,
    without that final token. `finish_reason` is "stop" where the model ended the text itself, "stopped" where a person
    did. The first `written_before` of the output ids are from an earlier continuation, which this one continues.
    """

    prompt: str
    parameters: GenerationParameters
    input_ids: tuple[int, ...]
    output_ids: tuple[int, ...]
    text: str
    finish_reason: FinishReason
    written_before: int = 0


class WatchedDraft(Protocol):
    """Somebody who watches a continuation while it is written, and may end it."""

    stop_requested: bool

    def offer(self, so_far: Callable[[], Continuation]) -> None:
        """Take what is written so far."""
        ...


class Draft:
    """What the model's thread has written so far, renewed at most once in `pace` seconds; `changed` is called then."""

    def __init__(self, pace: float, changed: Callable[[], object]) -> None:
        self.latest: Continuation | None = None
        self.stop_requested = False
        self._pace = pace
        self._changed = changed
        self._renewed = time.perf_counter()

    def stop(self) -> None:
        """Ask that the continuation end with the token that is being computed."""
        self.stop_requested = True

    def offer(self, so_far: Callable[[], Continuation]) -> None:
        """Take what is written so far, if it is time; called on the model's thread after every token."""
        now = time.perf_counter()
        if now - self._renewed >= self._pace:
            self._renewed = now
            self.latest = so_far()
            self._changed()
