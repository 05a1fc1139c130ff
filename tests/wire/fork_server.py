"""Fork bots from a process that has imported everything: `python -m tests.wire.fork_server SOCKET`.

Importing torch, transformers and discord takes seconds, forking takes milliseconds. This process imports them once and
starts no thread, since threads do not survive a fork. For each connection to SOCKET it forks a bot, which then runs the
real `main()` with its own arguments, environment, folder, standard output and error, and ends as any interpreter does.

A connection carries one line of JSON with the two file descriptors in, and two lines out: the bot's process id, and
later its exit code, negative for a signal. The server ends when its standard input does.
"""

import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

import bot
from tests.same_kernels import choose_same_kernels
from tests.wire.bot_process import run_bot

NOT_IMPORTED = (
    "bot.storage.migrations.",  # only Alembic can run these
    "bot.cli.playground",  # simulates Discord, which no bot here does
)


def modules() -> Iterator[str]:
    """Return the names of the bot's modules."""
    for module in pkgutil.walk_packages(bot.__path__, "bot."):
        if not module.name.startswith(NOT_IMPORTED):
            yield module.name


def next_bot(listener: socket.socket) -> tuple[str, list[str]]:
    """Fork a bot for each connection. Return only in a bot's process, with its port and arguments."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so supervisors leave no zombies
    # A shell without job control starts background processes with this signal ignored, and bots would inherit that.
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    while True:
        ready, _, _ = select.select([sys.stdin, listener], [], [])
        if sys.stdin in ready:
            sys.exit()  # the tests have ended
        connection, _ = listener.accept()
        if os.fork() == 0:
            break
        connection.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    listener.close()
    request, outputs = receive(connection)
    if process := os.fork():
        supervise(process, connection, outputs)
    connection.close()
    return become(request, outputs)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    line, outputs, _, _ = socket.recv_fds(connection, 65536, 2)
    while not line.endswith(b"\n"):
        line += connection.recv(65536)
    return json.loads(line), outputs


def supervise(process: int, connection: socket.socket, outputs: list[int]) -> None:
    """Send the tests a bot's process id and later its exit code, then exit."""
    for output in outputs:
        os.close(output)  # the bot is the only writer, so its readers see its end
    connection.sendall(f"{process}\n".encode())
    _, status = os.waitpid(process, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def become(request: dict[str, Any], outputs: list[int]) -> tuple[str, list[str]]:
    """Give this process the outputs, environment and folder of the request."""
    for number, output in enumerate(outputs, start=1):
        os.dup2(output, number)
        os.close(output)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    return request["port"], request["arguments"]


if __name__ == "__main__":
    for name in modules():
        importlib.import_module(name)
    choose_same_kernels()
    gc.freeze()  # otherwise a garbage collection in a bot would copy every page
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(sys.argv[1])
        server.listen(128)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        call = next_bot(server)
    run_bot(*call)
