"""Pictures are drawn off the event loop, one at a time, and matplotlib is imported with the first."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from bot.rendering.pictures.picture import draw_in_thread


async def test_pictures_are_drawn_one_at_a_time_in_another_thread() -> None:
    at_once: list[int] = []
    running = 0

    def draw(name: str) -> tuple[str, int]:
        nonlocal running
        running += 1
        at_once.append(running)
        time.sleep(0.01)
        running -= 1
        return name, threading.get_ident()

    results = await asyncio.gather(*(draw_in_thread(draw, name) for name in "abcde"))
    assert [name for name, _ in results] == list("abcde")
    assert at_once == [1] * 5
    assert len({thread for _, thread in results} - {threading.get_ident()}) == 1


async def test_the_event_loop_runs_while_a_picture_is_drawn() -> None:
    released = threading.Event()
    picture = asyncio.create_task(draw_in_thread(released.wait, 10))
    await asyncio.sleep(0.01)
    assert not picture.done()
    released.set()
    assert await picture


async def test_a_cancelled_picture_is_not_drawn() -> None:
    released = threading.Event()
    drawings: list[str] = []
    first = asyncio.create_task(draw_in_thread(released.wait, 10))
    second = asyncio.create_task(draw_in_thread(drawings.append, "unwanted"))
    await asyncio.sleep(0.01)
    second.cancel()
    await asyncio.sleep(0.01)
    released.set()
    await first
    await draw_in_thread(drawings.append, "wanted")
    assert drawings == ["wanted"]


async def test_an_error_while_drawing_is_raised() -> None:
    def draw() -> None:
        raise ValueError("no picture")

    with pytest.raises(ValueError, match="no picture"):
        await draw_in_thread(draw)


def test_matplotlib_is_not_imported_before_the_first_picture() -> None:
    # Modules that load transformers, which imports PIL, are imported when they are used.
    script = (
        "import sys, importlib, pkgutil, bot\n"
        "lazy = ('bot.engine.', 'bot.cli.doctor.server')\n"
        "for module in pkgutil.walk_packages(bot.__path__, 'bot.'):\n"
        "    if 'migrations' not in module.name and not module.name.startswith(lazy):\n"
        "        importlib.import_module(module.name)\n"
        "print(sorted({'matplotlib', 'PIL'} & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603  # our own interpreter
    assert result.stdout == "[]\n"
