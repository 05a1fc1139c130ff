"""The gateway of the small Discord: a session for each shard, which can be dropped and resumed."""

import asyncio
import json
import time
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, WSMsgType, web

from tests.wire.objects import APPLICATION, GUILD_OBJECT, ME, Json
from tests.wire.rest import answer

MESSAGE_CONTENT = 1 << 15
UNKNOWN_SHARD = (0, 1)  # of a client that doesn't shard


@dataclass
class Session:
    """One shard's session: every event sent to it, and its socket if it is connected."""

    shard: int
    id: str
    events: list[Json] = field(default_factory=list)
    socket: web.WebSocketResponse | None = None

    async def dispatch(self, event: str, data: Json) -> None:
        """Send an event. Without a socket it is sent when the session is resumed."""
        self.events.append({"op": 0, "t": event, "s": len(self.events) + 1, "d": data})
        if self.socket is not None and not self.socket.closed:
            await self.socket.send_json(self.events[-1])


@dataclass(frozen=True)
class Identify:
    """When a shard identified itself."""

    shard: int
    at: float


class Gateway:
    """The sessions of all shards, of however many processes. Each server's events go to the server's shard."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.resumed = asyncio.Event()
        self.identifies: list[Identify] = []
        self.resumes: list[int] = []  # the shard of each
        self.closed_with: int | None = None
        self.refuse_with: int | None = None  # the close code that answers an identification
        self.grants_message_content = False  # a privileged intent, off until the portal turns it on
        self.refuse_resume = False  # as in an outage: every resumed connection is closed at once
        self.forgets_sessions = False  # no session can be resumed, so the bot has to identify again
        self.guild: Json = GUILD_OBJECT  # the bot's first available server
        self.other_guilds: list[Json] = []  # its other ones
        self.unavailable: list[str] = []  # its servers in an outage
        self.shard_count = 1  # what it recommends, until a bot connects with another count
        self.max_concurrency = 1
        self.sessions: dict[int, Session] = {}
        self._url = ""

    @property
    def guilds(self) -> list[Json]:
        """The available servers."""
        return [self.guild, *self.other_guilds]

    @property
    def identified(self) -> int:
        """How often a shard identified itself."""
        return len(self.identifies)

    @property
    def connected(self) -> set[int]:
        """The shards with a connection."""
        return {shard for shard, session in self.sessions.items() if session.socket and not session.socket.closed}

    def shard_of(self, guild_id: str | None) -> int:
        """Return the shard of a server, or that of direct messages."""
        return 0 if guild_id is None else (int(guild_id) >> 22) % self.shard_count

    async def dispatch(self, event: str, data: Json, *, shard: int | None = None) -> None:
        """Send an event to the shard of its server, or to another `shard`. Without a session it is lost."""
        session = self.sessions.get(self.shard_of(data.get("guild_id")) if shard is None else shard)
        if session is not None:
            await session.dispatch(event, data)

    async def drop(self, shard: int = 0, *, rudely: bool = False) -> None:
        """Close a connection as Discord does to move it, or `rudely` without a close frame."""
        session = self.sessions[shard]
        socket, session.socket = session.socket, None
        assert socket is not None
        if rudely:
            transport = socket._req.transport if socket._req is not None else None
            assert transport is not None
            transport.abort()
        else:
            await socket.close(code=4000)

    async def serve_address(self, request: web.Request) -> web.Response:
        """Return the gateway's address, the number of shards, and how fast they can start."""
        limit = {
            "total": 1000, "remaining": 1000 - self.identified, "reset_after": 86_400_000,
            "max_concurrency": self.max_concurrency,
        }  # fmt: skip
        return answer({"url": f"ws://{request.host}/", "shards": self.shard_count, "session_start_limit": limit})

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
        for session in self.sessions.values():
            if session.socket is socket:
                session.socket = None
        return socket

    async def _received(self, socket: web.WebSocketResponse, event: Json) -> None:
        if event["op"] == 1:
            await socket.send_json({"op": 11, "d": None, "s": None, "t": None})
        elif event["op"] == 2:
            await self._identify(socket, event["d"])
        elif event["op"] == 6:
            await self._resume(socket, event["d"])

    async def _identify(self, socket: web.WebSocketResponse, identity: Json) -> None:
        shard, count = identity.get("shard", UNKNOWN_SHARD)
        self.identifies.append(Identify(shard, time.monotonic()))
        if identity["intents"] & MESSAGE_CONTENT and not self.grants_message_content:
            await socket.close(code=4014)
        elif self.refuse_with is not None:
            await socket.close(code=self.refuse_with)
        elif shard >= count:
            await socket.close(code=4010)
        else:
            self.shard_count = count
            self.sessions[shard] = Session(shard, f"session-{self.identified}", socket=socket)
            await self._introduce(self.sessions[shard])

    async def _introduce(self, session: Session) -> None:
        """Send a new session its servers."""
        available = [guild for guild in self.guilds if self.shard_of(guild["id"]) == session.shard]
        away = [guild_id for guild_id in self.unavailable if self.shard_of(guild_id) == session.shard]
        guilds = [{"id": guild_id, "unavailable": True} for guild_id in (*(guild["id"] for guild in available), *away)]
        ready = {
            "v": 10, "user": ME, "guilds": guilds, "session_id": session.id, "resume_gateway_url": self._url,
            "shard": [session.shard, self.shard_count], "application": {"id": APPLICATION, "flags": 0},
        }  # fmt: skip
        await session.dispatch("READY", ready)
        for guild in available:
            await session.dispatch("GUILD_CREATE", guild)
        self.ready.set()

    async def _resume(self, socket: web.WebSocketResponse, resumed: Json) -> None:
        session = next((known for known in self.sessions.values() if known.id == resumed["session_id"]), None)
        if self.refuse_resume:
            await socket.close(code=4000)
        elif self.forgets_sessions or session is None:
            await socket.send_json({"op": 9, "d": False, "s": None, "t": None})
        else:
            self.resumes.append(session.shard)
            for missed in session.events[resumed["seq"] :]:
                await socket.send_json(missed)
            session.socket = socket
            await session.dispatch("RESUMED", {})
            self.resumed.set()

    async def close(self) -> None:
        """Close the connections at the end of a test."""
        for session in self.sessions.values():
            if session.socket is not None:
                await session.socket.close(code=WSCloseCode.GOING_AWAY)
