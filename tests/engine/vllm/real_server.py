"""Starts real vLLM servers, in the environment that `make test-vllm` installs."""

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import aiohttp
import pytest

from benchmarks.peer_environment import VLLM
from tests.engine.vllm.waiting import until

OPTIONS = (
    "--dtype", "float32", "--max-logprobs", "-1", "--logprobs-mode", "raw_logprobs", "--generation-config", "vllm",
    "--no-enable-log-requests",
)  # fmt: skip
START_SECONDS = 900  # it compiles the model at the first start


def need_vllm() -> None:
    """Skip where vLLM is not installed."""
    if not (VLLM.parents[1] / "installed").exists():
        pytest.skip("vLLM is not installed in build/peers (make test-vllm)")


class RealServer:
    """A vLLM server in a process of its own."""

    def __init__(self, folder: Path, name: str, log: Path, *options: str) -> None:
        self.folder = folder
        self.name = name
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.log: TextIO = log.open("w")
        environment = os.environ | {
            "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        self.process = subprocess.Popen(  # noqa: S603  # vLLM itself
            [
                VLLM, "-m", "vllm.entrypoints.openai.api_server", "--model", folder, "--host", "127.0.0.1",
                "--port", str(self.port), "--served-model-name", name, *(options or OPTIONS),
            ],
            env=environment, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self.port}"

    def wait(self) -> None:
        """Wait until the server answers."""
        until(self._answers, START_SECONDS)

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"the server ended: {Path(self.log.name).read_text()[-2000:]}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def close(self) -> None:
        """End the server and everything that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        self.process.wait()
        self.log.close()


async def post(url: str, body: dict[str, object]) -> tuple[int, dict[str, object]]:
    """Return the status and the JSON that a server answers to a completion request."""
    async with aiohttp.ClientSession() as session, session.post(f"{url}/v1/completions", json=body) as response:
        return response.status, await response.json()


async def metric(url: str, name: str) -> float:
    """Return the sum of a Prometheus metric of a server."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as response:
        lines = (await response.text()).splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + "{"))


@contextlib.contextmanager
def closing(servers: list[RealServer]) -> Iterator[list[RealServer]]:
    """Wait for servers that were started together, and close them at the end of the block."""
    try:
        for server in servers:
            server.wait()
        yield servers
    finally:
        for server in servers:
            server.close()
