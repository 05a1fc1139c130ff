"""Start the bot in a process of its own, and wait for what it does."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from tests.wire.discord_peer import TOKEN, Discord
from tests.wire.people import Asked

Found = TypeVar("Found")

PATIENCE = 60.0
DRAFTS = ("Writing …", "Waiting …")
PROJECT = Path(__file__).parents[2]
PROMPT = "It was a dark and stormy"


def environment(token: str | None, **settings: str) -> dict[str, str]:
    """Return what a bot finds there: these settings, and none of this machine's."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("BOT_")}
    found |= {"PYTHONPATH": str(PROJECT), "PYTHONUTF8": "1", "BOT_MODEL": "demo", **settings}
    found.pop("DISCORD_TOKEN", None)
    return found if token is None else found | {"DISCORD_TOKEN": token}


@asynccontextmanager
async def started(
    port: int, *arguments: str, cwd: Path, command: str = "run", token: str | None = TOKEN, **settings: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.wire.bot_process", str(port), command, *arguments,
        env=environment(token, **settings), cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until(met: Callable[[], Found]) -> Found:
    """Wait until something is so, and return what `met` found then."""
    async with asyncio.timeout(PATIENCE):
        while not (found := met()):  # noqa: ASYNC110  # the bot does it in its own time
            await asyncio.sleep(0.02)
    return found


async def until_loaded(discord: Discord) -> None:
    """Ask until the bot no longer says that it is loading."""
    async with asyncio.timeout(PATIENCE):
        await discord.ready.wait()
        while True:
            asked = await answered(await discord.slash("tokenize", text="ready?"))
            if asked.titles != ["Still loading"]:
                return
            await asyncio.sleep(0.05)


async def answered(asked: Asked) -> Asked:
    await asyncio.wait_for(asked.answered.wait(), PATIENCE)
    return asked


async def finished(asked: Asked) -> Asked:
    """Wait for the answer itself, past every draft; a late refusal stands twice until its public words are deleted."""
    async with asyncio.timeout(2 * PATIENCE):
        await asked.answered.wait()
        while len(asked.titles) != 1 or asked.titles[0] in DRAFTS:  # noqa: ASYNC110  # the peer's event is for the first
            await asyncio.sleep(0.02)
    return asked


async def still_serves(discord: Discord) -> None:
    assert (await answered(await discord.slash("topk", user=99, prompt=PROMPT))).titles == ["Next token"]


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    return process.returncode, out.decode(), err.decode()


def only_line(err: str) -> str:
    """Return the one line that was written before the end."""
    assert "Traceback" not in err
    assert "canary" not in err
    assert err.count("\n") == 1
    return err
