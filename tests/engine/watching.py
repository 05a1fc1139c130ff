"""Watchers for tests."""

from collections.abc import Callable
from typing import Any

from bot.questions.language_model import Watcher


class Cancelling(Watcher[Any]):
    """Cancels a request once `is_over` returns true."""

    def __init__(self, is_over: Callable[[], bool]) -> None:
        self._is_over = is_over

    def is_cancelled(self) -> bool:
        return self._is_over()


class Stopping(Watcher[Any]):
    """Wants the end after a number of drafts."""

    def __init__(self, drafts: int) -> None:
        self._drafts = drafts
        self._seen = 0

    def wants_end(self) -> bool:
        return self._seen >= self._drafts

    def offer(self, partial: object) -> None:
        self._seen += 1
