"""Waiting for what happens in other threads."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 60.0


def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Return the first true value of `condition`. Raises TimeoutError if there is none within these seconds."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.01)
    return value
