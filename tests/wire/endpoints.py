"""A bot's HTTP endpoints as an operator's tools read them."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.wire.running import patiently


def free_port() -> int:
    """Return a port that no one listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass(frozen=True)
class Endpoints:
    """The endpoints of the bot that listens on `port`."""

    port: int

    async def read(self, path: str, accept: str = "*/*") -> tuple[int, str]:
        """Return the status and the body."""
        url = f"http://127.0.0.1:{self.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url, headers={"Accept": accept}) as response:
            return response.status, await response.text()

    async def until(self, path: str, status: int, part: str = "") -> str:
        """Read `path` until its status is `status` and its body contains `part`; return the body."""
        async for _ in patiently():
            try:
                answered, body = await self.read(path)
            except aiohttp.ClientError:  # the bot doesn't listen yet, or any more
                continue
            if answered == status and part in body:
                return body
        raise AssertionError("a wait has no end of its own")

    async def samples(self) -> "Samples":
        """Return the metrics, parsed."""
        status, body = await self.read("/metrics")
        assert status == 200
        return Samples(body)

    async def until_counted(self, name: str, count: float, **labels: str) -> "Samples":
        """Read the metrics until the sum of the samples with these labels is at least `count`."""
        async for _ in patiently():
            samples = await self.samples()
            if samples.total(name, **labels) >= count:
                return samples
        raise AssertionError("a wait has no end of its own")


class Samples:
    """Metrics in the text format, read by Prometheus' own parser."""

    def __init__(self, body: str) -> None:
        self.body = body
        self.families = list(text_string_to_metric_families(body))

    def find(self, name: str) -> list[tuple[Mapping[str, str], float]]:
        """Return the labels and values of a metric's samples."""
        samples = (sample for family in self.families for sample in family.samples)
        return [(sample.labels, sample.value) for sample in samples if sample.name == name]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of the samples that have these labels."""
        return sum(value for given, value in self.find(name) if labels.items() <= given.items())
