"""Start the bot in a process of its own, and wait for what it does."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import psutil

from tests.wire.discord_peer import TOKEN, Discord
from tests.wire.forked import PROJECT, BotProcess, forked_bot
from tests.wire.people import Interaction
from tests.wire.rest import SIGNS_OF_LIFE

Result = TypeVar("Result")

PATIENCE = 60.0  # without a sign of life from the bot
MOST_PATIENCE = 15 * PATIENCE  # with signs of life, and without what is waited for
running: list[BotProcess] = []  # the bots that a test has started
READ_AT_IMPORT = ("HF_",)  # what huggingface_hub reads once, when it is imported
PROMPT = "It was a dark and stormy"


def environment(token: str | None, **settings: str) -> dict[str, str]:
    """Return what a bot finds there: these settings, and none of this machine's."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("BOT_")}
    variables |= {"PYTHONPATH": str(PROJECT), "PYTHONUTF8": "1", "BOT_MODEL": "demo"}
    variables |= {
        "BOT_REQUEST_TIMEOUT": "840",
        **settings,
    }  # what is no deadline's test ends by its result on any machine
    variables.pop("DISCORD_TOKEN", None)
    return variables if token is None else variables | {"DISCORD_TOKEN": token}


@asynccontextmanager
async def started(
    port: int, *arguments: str, cwd: Path, command: str = "run", token: str | None = TOKEN, **settings: str
) -> AsyncIterator[BotProcess]:
    """Start the bot from the fork server, unless a library would have read one of the settings there already."""
    begin = fresh_bot if any(name.startswith(READ_AT_IMPORT) for name in settings) else forked_bot
    async with begin(port, [command, *arguments], environment(token, **settings), cwd) as process:
        with _listed(process):
            yield process


@asynccontextmanager
async def started_fresh(
    port: int, *arguments: str, cwd: Path, command: str = "run", token: str | None = TOKEN, **settings: str
) -> AsyncIterator[BotProcess]:
    """Start the bot in a fresh interpreter, as people do: for tests of how it starts and ends."""
    async with fresh_bot(port, [command, *arguments], environment(token, **settings), cwd) as process:
        with _listed(process):
            yield process


@contextlib.contextmanager
def _listed(process: BotProcess) -> Iterator[None]:
    running.append(process)
    try:
        yield
    finally:
        running.remove(process)


@asynccontextmanager
async def fresh_bot(
    port: int, arguments: Sequence[str], environment: Mapping[str, str], folder: Path
) -> AsyncIterator[BotProcess]:
    """Start the bot in a fresh interpreter, as people do, and kill it at the end unless it has ended."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.wire.bot_process", str(port), *arguments,
        env=environment, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def patiently() -> AsyncIterator[None]:
    """Yield until what a test waits for is there: the loop around it leaves.

    How long it may take follows the machine: the wait ends where the bot has ended, or neither asked Discord anything
    nor computed for PATIENCE, and not where other work makes it slow.
    """
    began = heard = time.monotonic()
    signs = _signs_of_life()
    while True:
        has_ended = bool(running) and all(process.returncode is not None for process in running)
        yield
        now = time.monotonic()
        if has_ended:  # what it did at last was looked at after it had ended
            raise AssertionError(f"the bot ended with {[process.returncode for process in running]} meanwhile")
        if (found := _signs_of_life()) != signs:
            heard, signs = now, found
        if now - heard > PATIENCE or now - began > MOST_PATIENCE:
            raise TimeoutError(f"waited for {now - began:.0f} s, the last {now - heard:.0f} without a sign of life")
        await asyncio.sleep(0.02)


def _signs_of_life() -> tuple[int, int]:
    """Return how much the bots have asked and computed; one that waits takes no second of the processor in a minute."""
    seconds = 0.0
    for process in running:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = psutil.Process(process.pid).cpu_times()
            seconds += times.user + times.system
    return SIGNS_OF_LIFE.count, int(seconds)


async def until(met: Callable[[], Result]) -> Result:
    """Wait until something is so, and return what `met` found then."""
    async for _ in patiently():
        if found := met():
            return found
    raise AssertionError("a wait has no end of its own")


async def until_loaded(discord: Discord) -> None:
    """Ask until the bot no longer says that it is loading."""
    await until(discord.ready.is_set)
    async for _ in patiently():
        interaction = await answered(await discord.slash("tokenize", text="ready?"))
        if interaction.titles != ["Still loading"]:
            return


async def first_shown(interaction: Interaction) -> Interaction:
    """Wait for whatever is shown first: a draft, where the answer takes long enough for one."""
    await until(interaction.answered.is_set)
    return interaction


async def answered(interaction: Interaction) -> Interaction:
    """Wait for the answer itself, past every draft: how many there are is a matter of the machine's speed."""
    await until(lambda: interaction.answered.is_set() and not interaction.is_draft)
    return interaction


async def finished(interaction: Interaction) -> Interaction:
    """Wait for the one answer that stays; a late refusal stands twice until its public words are deleted."""
    await answered(interaction)
    await until(lambda: len(interaction.titles) == 1 and not interaction.is_draft)
    return interaction


async def still_serves(discord: Discord) -> None:
    assert (await answered(await discord.slash("topk", user=99, prompt=PROMPT))).titles == ["Next token"]


async def ended(process: BotProcess) -> tuple[int | None, str, str]:
    out, err = await asyncio.wait_for(process.communicate(), 4 * PATIENCE)
    return process.returncode, out.decode(), err.decode()


def only_line(err: str) -> str:
    """Return the one line that was written before the end."""
    assert "Traceback" not in err
    assert "canary" not in err
    assert err.count("\n") == 1
    return err
