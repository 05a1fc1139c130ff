"""Bots from the fork server, with the interface of asyncio's processes."""

import asyncio
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

PROJECT = Path(__file__).parents[2]


class BotProcess(Protocol):
    """The part of a process's interface that the tests use, forked or not."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def send_signal(self, number: int, /) -> None: ...
    def kill(self) -> None: ...
    async def wait(self) -> int: ...
    async def communicate(self) -> tuple[bytes, bytes]: ...


class ForkServer:
    """The process that forks the bots. It lives as long as the tests' process."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="bots")
        self.address = str(Path(self._folder.name) / "socket")
        self.process = subprocess.Popen(  # noqa: S603  # our own interpreter
            [sys.executable, "-m", "tests.wire.fork_server", self.address],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT, env=_environment(self._folder.name),
            start_new_session=True,  # so Ctrl+C reaches only the tests
        )  # fmt: skip
        assert self.process.stdout is not None
        if self.process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"the fork server ended with {self.process.wait()}")

    def stop(self) -> None:
        """End the server. Bots that it forked keep running."""
        self.process.communicate()
        self._folder.cleanup()


def _environment(folder: str) -> dict[str, str]:
    """Return the environment that the libraries read on import: an own cache for the hub, and no network."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BOT_")}
    return {**inherited, "PYTHONUTF8": "1", "HF_HOME": f"{folder}/cache", "HF_HUB_OFFLINE": "1"}


@functools.cache
def fork_server() -> ForkServer:
    """Return this process's fork server, started on first use."""
    return ForkServer()


def stop_fork_server() -> None:
    """End the fork server if there is one."""
    if fork_server.cache_info().currsize:
        fork_server().stop()
        fork_server.cache_clear()


class ForkedBot:
    """A bot that the fork server has forked."""

    def __init__(
        self, pid: int, ending: asyncio.Task[int], out: asyncio.StreamReader, err: asyncio.StreamReader
    ) -> None:
        self.pid = pid
        self._ending, self._out, self._err = ending, out, err

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._ending.result() if self._ending.done() else None

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Wait for its end and return its exit code."""
        return await asyncio.shield(self._ending)

    async def communicate(self) -> tuple[bytes, bytes]:
        """Wait for its end and return what it wrote to standard output and error."""
        out, err, _ = await asyncio.gather(self._out.read(), self._err.read(), self.wait())
        return out, err


@asynccontextmanager
async def forked_bot(
    port: int, arguments: Sequence[str], environment: Mapping[str, str], folder: Path
) -> AsyncIterator[ForkedBot]:
    """Fork a bot with the fork server, and kill it at the end unless it has ended."""
    request = {"port": str(port), "arguments": arguments, "environment": dict(environment), "folder": str(folder)}
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(fork_server().address)
    (out, out_end), (err, err_end) = os.pipe(), os.pipe()
    line = json.dumps(request).encode() + b"\n"
    sent = socket.send_fds(connection, [line], [out_end, err_end])
    connection.sendall(line[sent:])
    os.close(out_end)
    os.close(err_end)
    async with _reading(out) as out_reader, _reading(err) as err_reader:
        reader, writer = await asyncio.open_connection(sock=connection)
        pid = int(await reader.readline())

        async def ended() -> int:
            return int(await reader.readline())

        bot = ForkedBot(pid, asyncio.create_task(ended()), out_reader, err_reader)
        try:
            yield bot
        finally:
            bot.kill()
            await bot.wait()
            writer.close()


@asynccontextmanager
async def _reading(file: int) -> AsyncIterator[asyncio.StreamReader]:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(file, "rb")
    )
    try:
        yield reader
    finally:
        transport.close()
