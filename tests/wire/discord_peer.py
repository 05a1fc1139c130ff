"""A small Discord on loopback: what the real bot needs to log in, sync and answer, and faults to inject.

It refuses what Discord would refuse, and checks every request against Discord's OpenAPI document if that is available.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import jsonschema
from aiohttp import web

from tests.contract import check_request, has_document
from tests.wire.channels import Channels
from tests.wire.objects import EPOCH, GUILD, GUILD_OBJECT, ME, Json, as_registered, message
from tests.wire.people import EVERYTHING, People
from tests.wire.rest import API, SIGNS_OF_LIFE, Fault, answer, payload, suffer

ACKNOWLEDGE_MILLISECONDS = 3000
LOADING = 1 << 7  # the flag of a message that shows "thinking…"
TOKEN = "MTExMTExMTExMTExMTExMTEx.GplanT.canary-canary-canary-canary"

_ANSWER, _UPDATE, _MODAL = 4, 7, 9


class Discord(People, Channels):
    """The peer that a bot logs in to, registers commands with, and sends its answers to."""

    def __init__(self) -> None:
        super().__init__()
        self.guilds: list[Json] = [{"id": GUILD, "name": "Readers", "permissions": str(EVERYTHING)}]
        self.closed_guilds: set[str] = set()  # servers that refuse commands
        self.is_checked = has_document()
        self.requests: list[str] = []
        self.refused: list[str] = []  # problems found by Discord's document or by the peer
        self.reject_token = False
        self.request_faults: dict[str, Fault] = {}  # by the beginning of a request, such as "GET /users/@me/guilds"
        self.callback_faults: list[Fault] = []
        self.edit_faults: list[Fault] = []

    def count(self, request: str) -> int:
        """Return how many requests began like `request`, such as "PUT /applications"."""
        return sum(seen.startswith(request) for seen in self.requests)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes that this Discord answers."""
        application, webhook = f"{API}/applications/{{app}}", f"{API}/webhooks/{{app}}/{{token}}"
        return [
            web.get("/", self.gateway.serve_connection),
            web.get(f"{API}/gateway/bot", self.gateway.serve_address),
            web.get(f"{API}/users/@me", self._me),
            web.get(f"{API}/users/@me/guilds", self._guilds),
            web.get(f"{API}/guilds/{{guild}}", self._guild),
            web.get(f"{API}/channels/{{channel}}", self._channel),
            web.get(f"{API}/oauth2/applications/@me", self._application),
            web.get(f"{application}/commands", self._registered),
            web.put(f"{application}/commands", self._sync),
            web.get(f"{application}/guilds/{{guild}}/commands", self._registered),
            web.put(f"{application}/guilds/{{guild}}/commands", self._sync),
            web.post(f"{API}/interactions/{{id}}/{{token}}/callback", self._callback),
            web.get(f"{webhook}/messages/@original", self._original),
            web.patch(f"{webhook}/messages/@original", self._edit),
            web.delete(f"{webhook}/messages/@original", self._delete),
            web.post(webhook, self._followup),
            *self.message_routes(),
        ]

    async def _me(self, request: web.Request) -> web.Response:
        if self.reject_token or request.headers.get("Authorization") != f"Bot {TOKEN}":
            return answer({"message": "401: Unauthorized", "code": 0}, 401)
        return answer(ME)

    async def _guilds(self, _: web.Request) -> web.Response:
        return answer([{**GUILD_OBJECT, **guild} for guild in self.guilds])

    async def _guild(self, request: web.Request) -> web.Response:
        guilds = {guild["id"]: guild for guild in self.gateway.guilds}
        if (guild := guilds.get(request.match_info["guild"])) is None:
            return answer({"code": 10004, "message": "Unknown Guild"}, 404)
        return answer(guild)

    async def _channel(self, request: web.Request) -> web.Response:
        channels = {channel["id"]: channel for guild in self.gateway.guilds for channel in guild["channels"]}
        if (channel := channels.get(request.match_info["channel"])) is None:
            return answer({"code": 10003, "message": "Unknown Channel"}, 404)
        return answer(channel)

    async def _application(self, _: web.Request) -> web.Response:
        return answer(self.application)

    async def _registered(self, request: web.Request) -> web.Response:
        guild = request.match_info.get("guild")
        if guild in self.closed_guilds:
            return answer({"code": 50001, "message": "Missing Access"}, 403)
        return answer(self.commands.get(guild, []))

    async def _sync(self, request: web.Request) -> web.Response:
        guild = request.match_info.get("guild")
        self.commands[guild] = [as_registered(self.snowflake(), command, guild) for command in await request.json()]
        return answer(self.commands[guild])

    async def _callback(self, request: web.Request) -> web.Response:
        interaction = self.interactions[request.match_info["token"]]
        body, _ = await payload(request)
        fault = self.callback_faults.pop(0) if self.callback_faults else None
        if fault is not None and not fault.taken:
            interaction.refused.set()
            return await suffer(fault)
        if time.time() * 1000 - EPOCH - (int(interaction.id) >> 22) > ACKNOWLEDGE_MILLISECONDS:
            return answer({"code": 10062, "message": "Unknown interaction"}, 404)
        if interaction.callbacks:
            return self._refuse(400, 40060, "Interaction has already been acknowledged.")
        interaction.callbacks.append(body)
        interaction.seconds_to_acknowledge = time.perf_counter() - interaction.sent
        interaction.acknowledged.set()
        result: Json = {"interaction": {"id": interaction.id, "type": 2}}
        if body["type"] == _ANSWER:
            interaction.original = message(self.snowflake(), body["data"])
            result["resource"] = {"type": _ANSWER, "message": interaction.original}
        if body["type"] == _UPDATE:
            interaction.original = message(self.snowflake(), body["data"])
            result["resource"] = {"type": _UPDATE, "message": interaction.original}
        if body["type"] in (_ANSWER, _UPDATE, _MODAL):
            interaction.answer()
        return answer(result) if fault is None else await suffer(fault)

    async def _original(self, request: web.Request) -> web.Response:
        interaction = self.interactions[request.match_info["token"]]
        if interaction.expired or not interaction.callbacks:
            return answer({"code": 10015, "message": "Unknown Webhook"}, 404)
        return answer(interaction.original or message(self.snowflake(), {"flags": LOADING}))

    async def _edit(self, request: web.Request) -> web.Response:
        interaction = self.interactions[request.match_info["token"]]
        body, files = await payload(request)
        if self.edit_faults:
            return await suffer(self.edit_faults.pop(0))
        if interaction.expired or not interaction.callbacks:
            interaction.refused.set()
            return answer({"code": 10015, "message": "Unknown Webhook"}, 404)
        interaction.original = self._message(request, body, files, interaction.original)
        interaction.edits += 1
        interaction.shown.append((time.perf_counter(), interaction.original))
        interaction.answer()
        return answer(interaction.original)

    async def _delete(self, request: web.Request) -> web.Response:
        self.interactions[request.match_info["token"]].original = None
        return web.Response(status=204)

    async def _followup(self, request: web.Request) -> web.Response:
        interaction = self.interactions[request.match_info["token"]]
        body, files = await payload(request)
        if interaction.expired or not interaction.callbacks:
            return answer({"code": 10015, "message": "Unknown Webhook"}, 404)
        interaction.followups.append(self._message(request, body, files))
        return answer(interaction.followups[-1])

    def _refuse(self, status: int, code: int, problem: str) -> web.Response:
        self.refused.append(problem)
        return answer({"code": code, "message": problem}, status)

    @web.middleware
    async def check_contract(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Record every request, apply its fault, and refuse what Discord's document does not allow."""
        if not request.path.startswith(API):
            return await handler(request)
        SIGNS_OF_LIFE.count += 1
        path = request.path.removeprefix(API)
        self.requests.append(f"{request.method} {path}")
        for begins, fault in self.request_faults.items():
            if self.requests[-1].startswith(begins):
                if fault.cuts and request.transport is not None:
                    request.transport.abort()
                return await suffer(fault)
        if self.is_checked:
            body = (await payload(request))[0] if request.body_exists else None
            try:
                check_request(request.method, request.path, body)
            except (AssertionError, jsonschema.ValidationError) as problem:
                return self._refuse(400, 50035, f"{request.method} {path}: {str(problem)[:300]}")
        return await handler(request)


@asynccontextmanager
async def discord_on_loopback(
    prepare: Callable[[Discord], None] = lambda _: None,
) -> AsyncIterator[tuple[Discord, int]]:
    """Yield a running peer and its port. At the end, assert that the bot sent nothing that Discord would refuse."""
    discord = Discord()
    prepare(discord)
    app = web.Application(middlewares=[discord.check_contract], client_max_size=30 * 1024**2)
    app.add_routes(discord.routes())
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    assert site._server is not None
    port: int = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # asyncio's Server has it
    try:
        yield discord, port
        assert discord.refused == []
    finally:
        await discord.gateway.close()
        await runner.cleanup()
