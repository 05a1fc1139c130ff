"""A small Discord on loopback: enough REST and gateway for the real bot to log in, sync, and answer commands."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

ACKNOWLEDGE_MILLISECONDS = 3000
EPOCH = 1_420_070_400_000  # Discord's, in milliseconds: snowflakes count from it
APPLICATION = "111111111111111111"
GUILD = "222222222222222222"
CHANNEL = "333333333333333333"
TOKEN = "MTExMTExMTExMTExMTExMTEx.GplanT.canary-canary-canary-canary"

Json = dict[str, Any]


@dataclass
class Asked:
    """One interaction as its person sees it: how it was acknowledged, and what stands there now."""

    id: str
    token: str
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)
    callbacks: list[Json] = field(default_factory=list)
    sent: float = 0.0
    seconds_to_acknowledge: float | None = None
    edits: int = 0
    original: Json | None = None
    followups: list[Json] = field(default_factory=list)
    answered: asyncio.Event = field(default_factory=asyncio.Event)


class Discord:
    """The peer's state, its routes, and what a test does with it."""

    def __init__(self) -> None:
        self.commands: list[Json] = []
        self.asked: dict[str, Asked] = {}
        self.requests: list[str] = []
        self.ready = asyncio.Event()
        self.synced = asyncio.Event()
        self.closed_with: int | None = None
        self.reject_token = False
        self.callback_faults: list[int] = []  # statuses with which the next callbacks fail; 0 never answers
        self.callbacks_seen = 0
        self._socket: web.WebSocketResponse | None = None
        self._sequence = 0
        self._serial = 0

    def snowflake(self, age: float = 0) -> str:
        """Return a new id, made `age` seconds ago."""
        self._serial += 1
        return str((int((time.time() - age) * 1000) - EPOCH) << 22 | self._serial & 0x3FFFFF)

    async def slash(self, name: str, *, user: int = 1, age: float = 0, times: int = 1, **options: Any) -> Asked:
        """Send a slash command of `user`, made `age` seconds ago, `times` times over."""
        asked = Asked(self.snowflake(age), f"interaction-token-canary-{self._serial}")
        self.asked[asked.token] = asked
        kinds = {str: 3, int: 4, float: 10}
        command = next(command for command in self.commands if command["name"] == name)
        person = {"id": str(900 + user), "username": f"user{user}", "discriminator": "0", "avatar": None}
        member = {"user": person, "roles": [], "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False, "mute": False,
                  "flags": 0, "permissions": "2147483648"}  # fmt: skip
        given = [{"name": key, "type": kinds[type(value)], "value": value} for key, value in options.items()]
        interaction = {
            "id": asked.id, "application_id": APPLICATION, "type": 2, "token": asked.token, "version": 1,
            "guild_id": GUILD, "channel_id": CHANNEL, "member": member, "app_permissions": "2147483647",
            "channel": {"id": CHANNEL, "type": 0, "name": "playground", "position": 0, "permissions": "2147483647"},
            "locale": "en-US", "guild_locale": "en-US", "entitlements": [], "attachment_size_limit": 26_214_400,
            "authorizing_integration_owners": {"0": GUILD}, "context": 0,
            "data": {"id": command["id"], "name": name, "type": 1, "options": given},
        }  # fmt: skip
        asked.sent = time.perf_counter()
        for _ in range(times):
            await self._dispatch("INTERACTION_CREATE", interaction)
        return asked

    def routes(self) -> list[web.RouteDef]:
        """Return what Discord answers."""
        api = "/api/v10"
        return [
            web.get("/", self._gateway),
            web.get(f"{api}/users/@me", self._me),
            web.get(f"{api}/oauth2/applications/@me", self._application),
            web.put(f"{api}/applications/{{app}}/commands", self._sync),
            web.post(f"{api}/interactions/{{id}}/{{token}}/callback", self._callback),
            web.patch(f"{api}/webhooks/{{app}}/{{token}}/messages/@original", self._edit),
            web.delete(f"{api}/webhooks/{{app}}/{{token}}/messages/@original", self._delete),
            web.post(f"{api}/webhooks/{{app}}/{{token}}", self._followup),
        ]

    async def _me(self, request: web.Request) -> web.Response:
        self.requests.append("GET /users/@me")
        if self.reject_token or request.headers.get("Authorization") != f"Bot {TOKEN}":
            return answer({"message": "401: Unauthorized", "code": 0}, 401)
        return answer({"id": APPLICATION, "username": "Nightword", "discriminator": "0", "avatar": None, "bot": True})

    async def _application(self, _: web.Request) -> web.Response:
        return answer(
            {"id": APPLICATION, "name": "Nightword", "icon": None, "description": "", "bot_public": True,
             "bot_require_code_grant": False, "verify_key": "0", "flags": 0,
             "owner": {"id": "1", "username": "owner", "discriminator": "0", "avatar": None}}
        )  # fmt: skip

    async def _sync(self, request: web.Request) -> web.Response:
        common = {"version": "1", "description": "", "application_id": APPLICATION}
        self.commands = [{**common, "id": self.snowflake(), **command} for command in await request.json()]
        self.synced.set()
        return answer(self.commands)

    async def _callback(self, request: web.Request) -> web.Response:
        asked = self.asked[request.match_info["token"]]
        body, _ = await payload(request)
        self.callbacks_seen += 1
        if self.callback_faults:
            fault = self.callback_faults.pop(0)
            if fault == 0:
                await asyncio.sleep(60)
            return answer({"code": 0, "message": "fault"}, fault)
        if time.time() * 1000 - EPOCH - (int(asked.id) >> 22) > ACKNOWLEDGE_MILLISECONDS:
            return answer({"code": 10062, "message": "Unknown interaction"}, 404)
        if asked.callbacks:
            return answer({"code": 40060, "message": "Interaction has already been acknowledged."}, 400)
        asked.callbacks.append(body)
        asked.seconds_to_acknowledge = time.perf_counter() - asked.sent
        asked.acknowledged.set()
        result: Json = {"interaction": {"id": asked.id, "type": 2}}
        if body["type"] == 4:
            asked.original = self._message(body["data"])
            result["resource"] = {"type": 4, "message": asked.original}
            asked.answered.set()
        return answer(result)

    async def _edit(self, request: web.Request) -> web.Response:
        asked = self.asked[request.match_info["token"]]
        body, files = await payload(request)
        asked.original = self._message(body, files)
        asked.edits += 1
        asked.answered.set()
        return answer(asked.original)

    async def _delete(self, request: web.Request) -> web.Response:
        self.asked[request.match_info["token"]].original = None
        return web.Response(status=204)

    async def _followup(self, request: web.Request) -> web.Response:
        asked = self.asked[request.match_info["token"]]
        body, files = await payload(request)
        asked.followups.append(self._message(body, files))
        return answer(asked.followups[-1])

    def _message(self, body: Json, files: dict[str, bytes] | None = None) -> Json:
        attachments = [
            {"id": self.snowflake(), "filename": name, "size": len(content), "url": "http://127.0.0.1/x",
             "proxy_url": "http://127.0.0.1/x"}
            for name, content in (files or {}).items()
        ]  # fmt: skip
        return {
            "id": self.snowflake(), "type": 20, "channel_id": CHANNEL, "content": body.get("content") or "",
            "author": {"id": APPLICATION, "username": "Nightword", "discriminator": "0", "avatar": None, "bot": True},
            "timestamp": "2026-01-01T00:00:00+00:00", "edited_timestamp": None, "tts": False, "pinned": False,
            "mention_everyone": False, "mentions": [], "mention_roles": [], "attachments": attachments,
            "embeds": body.get("embeds", []), "components": [], "flags": body.get("flags", 0),
        }  # fmt: skip

    async def _gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._socket = socket
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 41_250}, "s": None, "t": None})
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            event = json.loads(message.data)
            if event["op"] == 1:
                await socket.send_json({"op": 11, "d": None, "s": None, "t": None})
            elif event["op"] == 2:
                await self._identified()
        self.closed_with = socket.close_code
        return socket

    async def _identified(self) -> None:
        me = {"id": APPLICATION, "username": "Nightword", "discriminator": "0", "avatar": None, "bot": True}
        await self._dispatch(
            "READY",
            {"v": 10, "user": me, "guilds": [{"id": GUILD, "unavailable": True}], "session_id": "session",
             "resume_gateway_url": "ws://127.0.0.1:1/", "application": {"id": APPLICATION, "flags": 0}},
        )  # fmt: skip
        await self._dispatch(
            "GUILD_CREATE",
            {"id": GUILD, "name": "Readers", "owner_id": "1", "roles": [], "emojis": [], "stickers": [], "features": [],
             "channels": [], "threads": [], "members": [], "presences": [], "voice_states": [], "member_count": 2,
             "preferred_locale": "en-US", "nsfw_level": 0, "premium_tier": 0, "verification_level": 0,
             "default_message_notifications": 0, "explicit_content_filter": 0, "mfa_level": 0,
             "system_channel_flags": 0, "afk_timeout": 300, "stage_instances": [],
             "guild_scheduled_events": [], "soundboard_sounds": []},
        )  # fmt: skip
        self.ready.set()

    async def _dispatch(self, event: str, data: Json) -> None:
        assert self._socket is not None
        self._sequence += 1
        await self._socket.send_json({"op": 0, "t": event, "s": self._sequence, "d": data})


def answer(body: Any, status: int = 200) -> web.Response:
    """Return JSON with the content type to the letter: with a charset discord.py would not read it."""
    return web.Response(body=json.dumps(body).encode(), status=status, headers={"Content-Type": "application/json"})


async def payload(request: web.Request) -> tuple[Json, dict[str, bytes]]:
    """Return a request's JSON and its files by name."""
    if not request.content_type.startswith("multipart/"):
        return await request.json(), {}
    form = await request.post()
    files = {part.filename: part.file.read() for part in form.values() if isinstance(part, web.FileField)}
    return json.loads(str(form["payload_json"])), files


@asynccontextmanager
async def discord_on_loopback(
    prepare: Callable[[Discord], None] = lambda _: None,
) -> AsyncIterator[tuple[Discord, int]]:
    """Yield a running peer and its port."""
    discord = Discord()
    prepare(discord)
    app = web.Application()
    app.add_routes(discord.routes())
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    assert site._server is not None
    port: int = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # asyncio's Server has it
    try:
        yield discord, port
    finally:
        await runner.cleanup()
