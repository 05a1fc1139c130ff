"""A gateway with several sessions of one bot at a time, as during a rolling restart."""

import contextlib
import json
import time

from aiohttp import WSMsgType, web

from tests.wire.discord_peer import Discord
from tests.wire.gateway import Gateway, Identify
from tests.wire.objects import APPLICATION, GUILD, ME, Json


class OverlappingGateway(Gateway):
    """Sends each event to every session, as Discord does. The first acknowledgement of an interaction counts."""

    def __init__(self) -> None:
        super().__init__()
        self._open: list[web.WebSocketResponse] = []
        self._sequence = 0

    async def dispatch(self, event: str, data: Json, *, shard: int | None = None) -> None:
        """Send an event to all sessions."""
        for session in list(self._open):
            await self._send(session, event, data)

    async def serve_connection(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one session until it is closed."""
        self._url = f"ws://{request.host}/"
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 41_250}, "s": None, "t": None})
        try:
            async for received in socket:
                if received.type is WSMsgType.TEXT:
                    await self._receive(socket, json.loads(received.data)["op"])
        finally:
            if socket in self._open:
                self._open.remove(socket)
        return socket

    async def _receive(self, socket: web.WebSocketResponse, op: int) -> None:
        if op == 1:
            await socket.send_json({"op": 11, "d": None, "s": None, "t": None})
        elif op == 2:
            ready: Json = {
                "v": 10, "user": ME, "guilds": [{"id": GUILD, "unavailable": True}], "session_id": "session",
                "resume_gateway_url": self._url, "application": {"id": APPLICATION, "flags": 0}, "shard": [0, 1],
            }  # fmt: skip
            await self._send(socket, "READY", ready)
            await self._send(socket, "GUILD_CREATE", self.guild)
            self._open.append(socket)
            self.identifies.append(Identify(0, time.monotonic()))
            self.ready.set()

    async def _send(self, session: web.WebSocketResponse, event: str, data: Json) -> None:
        self._sequence += 1
        with contextlib.suppress(ConnectionError):  # it is closing
            await session.send_json({"op": 0, "t": event, "s": self._sequence, "d": data})

    async def close(self) -> None:
        """Close all sessions at the end of a test."""
        for session in list(self._open):
            await session.close()


def overlap(discord: Discord) -> None:
    """Let several processes of the bot be connected at the same time."""
    discord.gateway = OverlappingGateway()
