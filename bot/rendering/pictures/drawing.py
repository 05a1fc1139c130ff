"""Where pictures are drawn: one thread of their own."""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# One, since matplotlib lays out no text in two threads at once; it starts with the first picture.
_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="drawing")


async def drawn(draw: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `draw` draws, while the event loop goes on; one picture is drawn at a time."""
    return await asyncio.get_running_loop().run_in_executor(_THREAD, functools.partial(draw, *args, **kwargs))
