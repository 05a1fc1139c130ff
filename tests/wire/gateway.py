"""The gateway of the small Discord, with sessions that can be dropped and resumed."""

import asyncio
import json

from aiohttp import WSCloseCode, WSMsgType, web

from tests.wire.objects import APPLICATION, GUILD, GUILD_OBJECT, ME, Json

MESSAGE_CONTENT = 1 << 15


class Gateway:
    """One bot's session: every event sent to it, and its socket if it is connected."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.resumed = asyncio.Event()
        self.identified = 0
        self.closed_with: int | None = None
        self.refuse_with: int | None = None  # the close code that answers an identification
        self.grants_message_content = False  # a privileged intent, off until the portal turns it on
        self.refuse_resume = False  # as in an outage: every resumed connection is closed at once
        self.forgets_sessions = False  # no session can be resumed, so the bot has to identify again
        self.guild: Json = GUILD_OBJECT  # the bot's only available server
        self.unavailable: list[str] = []  # its servers in an outage
        self._url = ""
        self._events: list[Json] = []
        self._socket: web.WebSocketResponse | None = None

    async def dispatch(self, event: str, data: Json) -> None:
        """Send an event. Without a socket it is sent when the session is resumed."""
        self._events.append({"op": 0, "t": event, "s": len(self._events) + 1, "d": data})
        if self._socket is not None:
            await self._socket.send_json(self._events[-1])

    async def drop(self, *, rudely: bool = False) -> None:
        """Close the connection as Discord does to move it, or `rudely` without a close frame."""
        socket, self._socket = self._socket, None
        assert socket is not None
        if rudely:
            transport = socket._req.transport if socket._req is not None else None
            assert transport is not None
            transport.abort()
        else:
            await socket.close(code=4000)

    async def serve_connection(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection."""
        self._url = f"ws://{request.host}/"
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 41_250}, "s": None, "t": None})
        async for received in socket:
            if received.type is WSMsgType.TEXT:
                await self._received(socket, json.loads(received.data))
        self.closed_with = socket.close_code
        if self._socket is socket:
            self._socket = None
        return socket

    async def _received(self, socket: web.WebSocketResponse, event: Json) -> None:
        if event["op"] == 1:
            await socket.send_json({"op": 11, "d": None, "s": None, "t": None})
        elif event["op"] == 2:
            if event["d"]["intents"] & MESSAGE_CONTENT and not self.grants_message_content:
                await socket.close(code=4014)
                return
            if self.refuse_with is not None:
                await socket.close(code=self.refuse_with)
                return
            self._socket = socket
            await self._identified()
        elif event["op"] == 6 and self.refuse_resume:
            await socket.close(code=4000)
        elif event["op"] == 6 and self.forgets_sessions:
            await socket.send_json({"op": 9, "d": False, "s": None, "t": None})
        elif event["op"] == 6:
            for missed in self._events[event["d"]["seq"] :]:
                await socket.send_json(missed)
            self._socket = socket
            await self.dispatch("RESUMED", {})
            self.resumed.set()

    async def _identified(self) -> None:
        self.identified += 1
        self._events = []
        guilds = [{"id": guild_id, "unavailable": True} for guild_id in (GUILD, *self.unavailable)]
        await self.dispatch(
            "READY",
            {"v": 10, "user": ME, "guilds": guilds, "session_id": "session",
             "resume_gateway_url": self._url, "application": {"id": APPLICATION, "flags": 0}},
        )  # fmt: skip
        await self.dispatch("GUILD_CREATE", self.guild)
        self.ready.set()

    async def close(self) -> None:
        """Close the connection at the end of a test."""
        if self._socket is not None:
            await self._socket.close(code=WSCloseCode.GOING_AWAY)
