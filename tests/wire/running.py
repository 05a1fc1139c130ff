"""Start the bot in a process of its own, and wait for its messages, its answers and its end."""

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

PATIENCE = 60.0  # seconds to wait without a sign of life from the bot
MOST_PATIENCE = 15 * PATIENCE  # seconds to wait in all, even with signs of life
running: list[BotProcess] = []  # the bots that the current test has started
READ_AT_IMPORT = ("HF_",)  # variables that huggingface_hub reads only on import
PROMPT = "It was a dark and stormy"


def environment(token: str | None, **settings: str) -> dict[str, str]:
    """Return a bot's environment variables: these settings, and none of this machine's."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("BOT_")}
    variables |= {"PYTHONPATH": str(PROJECT), "PYTHONUTF8": "1", "BOT_MODEL": "demo"}
    variables |= {
        "BOT_REQUEST_TIMEOUT": "840",
        **settings,
    }  # so only tests of deadlines can time out, on any machine
    variables.pop("DISCORD_TOKEN", None)
    return variables if token is None else variables | {"DISCORD_TOKEN": token}


@asynccontextmanager
async def started(
    port: int, *arguments: str, cwd: Path, command: str = "run", token: str | None = TOKEN, **settings: str
) -> AsyncIterator[BotProcess]:
    """Start the bot from the fork server, unless the fork server's libraries have already read one of the settings."""
    begin = fresh_bot if any(name.startswith(READ_AT_IMPORT) for name in settings) else forked_bot
    async with begin(port, [command, *arguments], environment(token, **settings), cwd) as process:
        with _listed(process):
            yield process


@asynccontextmanager
async def started_fresh(
    port: int, *arguments: str, cwd: Path, command: str = "run", token: str | None = TOKEN, **settings: str
) -> AsyncIterator[BotProcess]:
    """Start the bot in a fresh interpreter, as people do, for tests of its start and end."""
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
    """Yield in a loop, which the caller leaves once the test's condition is met.

    The time limit depends on the bot and not on the clock: the wait fails if the bot has ended, or has neither sent a
    request nor computed for PATIENCE seconds. So a busy machine does not make it fail.
    """
    began = heard = time.monotonic()
    signs = _signs_of_life()
    while True:
        has_ended = bool(running) and all(process.returncode is not None for process in running)
        yield
        now = time.monotonic()
        if has_ended:  # the caller has looked once more after the end
            raise AssertionError(f"the bot ended with {[process.returncode for process in running]} meanwhile")
        if (found := _signs_of_life()) != signs:
            heard, signs = now, found
        if now - heard > PATIENCE or now - began > MOST_PATIENCE:
            raise TimeoutError(f"waited for {now - began:.0f} s, the last {now - heard:.0f} without a sign of life")
        await asyncio.sleep(0.02)


def _signs_of_life() -> tuple[int, int]:
    """Return the bots' requests and CPU seconds. A bot that only waits uses less than a CPU second per minute."""
    seconds = 0.0
    for process in running:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = psutil.Process(process.pid).cpu_times()
            seconds += times.user + times.system
    return SIGNS_OF_LIFE.count, int(seconds)


async def until(met: Callable[[], Result]) -> Result:
    """Wait until `met` returns something true, and return it."""
    async for _ in patiently():
        if found := met():
            return found
    raise AssertionError("a wait has no end of its own")


async def until_loaded(discord: Discord) -> None:
    """Send questions until the bot no longer says that it is loading."""
    await until(discord.ready.is_set)
    async for _ in patiently():
        interaction = await wait_for_answer(await discord.slash("tokenize", text="ready?"))
        if interaction.titles != ["Still loading"]:
            return


async def wait_for_first_message(interaction: Interaction) -> Interaction:
    """Wait for the first message: a draft, if the answer takes long enough for one."""
    await until(interaction.answered.is_set)
    return interaction


async def wait_for_answer(interaction: Interaction) -> Interaction:
    """Wait for the answer itself, past all drafts, whose number depends on the machine's speed."""
    await until(lambda: interaction.answered.is_set() and not interaction.is_draft)
    return interaction


async def wait_for_final_answer(interaction: Interaction) -> Interaction:
    """Wait until only the final answer is left. A late refusal is there twice until its public copy is deleted."""
    await wait_for_answer(interaction)
    await until(lambda: len(interaction.titles) == 1 and not interaction.is_draft)
    return interaction


async def check_still_serves(discord: Discord) -> None:
    assert (await wait_for_answer(await discord.slash("topk", user=99, prompt=PROMPT))).titles == ["Next token"]


async def wait_for_end(process: BotProcess) -> tuple[int | None, str, str]:
    out, err = await asyncio.wait_for(process.communicate(), 4 * PATIENCE)
    return process.returncode, out.decode(), err.decode()


def only_line(err: str) -> str:
    """Return `err`, and check that it is one line without a traceback or a secret."""
    assert "Traceback" not in err
    assert "canary" not in err
    assert err.count("\n") == 1
    return err
