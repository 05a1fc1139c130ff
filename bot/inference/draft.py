"""A continuation while it is being written: what people see of it, and their wish that it end where it is."""

import time
from collections.abc import Callable

from bot.inference.model import Continuation


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
