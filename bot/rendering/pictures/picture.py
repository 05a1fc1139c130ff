"""A finished picture, and the thread that draws pictures."""

import asyncio
import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

ALT_LIMIT = 1024  # characters of an attachment's description

P = ParamSpec("P")
T = TypeVar("T")

# One thread, because matplotlib can't lay out text in two threads at once. It starts with the first picture.
_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="drawing")


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, and an alt text with its figures. Raises ValueError if the alt text is empty or over Discord's limit."""

    png: bytes
    alt: str

    def __post_init__(self) -> None:
        if not 0 < len(self.alt) <= ALT_LIMIT:
            raise ValueError(f"the alt text has {len(self.alt)} characters, but must have 1 to {ALT_LIMIT}")


def alt_list(sentences: Sequence[str], lead: str, entries: Sequence[str], *, most: int = ALT_LIMIT) -> str:
    """Return an alt text: the sentences, and after `lead` as many entries as fit in `most` characters, or …."""
    kept, end = list(entries), "."
    while kept:
        whole = " ".join([*sentences, f"{lead} {', '.join(kept)}{end}"])
        if len(whole) <= most:
            return whole
        kept.pop()
        end = ", …"
    return " ".join(sentences)


async def draw_in_thread(draw: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `draw` in the drawing thread and return its result. One picture is drawn at a time."""
    return await asyncio.get_running_loop().run_in_executor(_THREAD, functools.partial(draw, *args, **kwargs))
