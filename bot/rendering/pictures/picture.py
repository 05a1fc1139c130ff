"""A picture that is done, and the thread that draws it."""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

ALT_LIMIT = 1024  # characters of an attachment's description

P = ParamSpec("P")
T = TypeVar("T")

# One, since matplotlib lays out no text in two threads at once; it starts with the first picture.
_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="drawing")


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, and its alt text, which states the figures. Raises ValueError where Discord would not take it."""

    png: bytes
    alt: str

    def __post_init__(self) -> None:
        if not 0 < len(self.alt) <= ALT_LIMIT:
            raise ValueError(f"an alt text of {len(self.alt)} characters")


async def drawn(draw: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `draw` draws, while the event loop goes on; one picture is drawn at a time."""
    return await asyncio.get_running_loop().run_in_executor(_THREAD, functools.partial(draw, *args, **kwargs))
