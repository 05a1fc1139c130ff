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
