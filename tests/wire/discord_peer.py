"""A small Discord on loopback: what the real bot needs to log in, sync, and answer, and the faults that it may meet.

It refuses what Discord would refuse, and every request is held against Discord's OpenAPI document where that is there.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jsonschema
from aiohttp import web

from tests.contract import DOCUMENT, check_request
from tests.wire.gateway import Gateway
from tests.wire.objects import APPLICATION_OBJECT, GUILD, GUILD_OBJECT, ME, Json, in_server, message, person
from tests.wire.objects import registered as as_registered

ACKNOWLEDGE_MILLISECONDS = 3000
EPOCH = 1_420_070_400_000  # Discord's, in milliseconds: snowflakes count from it
TOKEN = "MTExMTExMTExMTExMTExMTEx.GplanT.canary-canary-canary-canary"
EVERYTHING = (1 << 50) - 1
MEMBER = 1 << 31 | 1 << 11 | 1 << 10  # use application commands, send messages, view channels
HANG_SECONDS = 60.0

API = "/api/v10"
_OPTION_TYPES = {str: 3, int: 4, bool: 5, float: 10}
_ANSWER, _UPDATE, _MODAL = 4, 7, 9


@dataclass
class Fault:
    """What happens to one request instead of its answer; where `taken`, after it had its effect."""

    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Json = field(default_factory=lambda: {"code": 0, "message": "fault"})
    hangs: bool = False
    taken: bool = False


@dataclass
class Asked:
    """One interaction as its person sees it: how it was acknowledged, and what stands there now."""

    id: str
    token: str
    user: int
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)
    callbacks: list[Json] = field(default_factory=list)
    sent: float = 0.0
    seconds_to_acknowledge: float | None = None
    edits: int = 0
    shown: list[tuple[float, Json]] = field(default_factory=list)  # each state of the answer, and when
    original: Json | None = None
    followups: list[Json] = field(default_factory=list)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    answered_at: float = 0.0
    expired: bool = False
    refused: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def private(self) -> bool:
        """Whether the answer is for the asker alone."""
        return bool(self.callbacks[0].get("data", {}).get("flags", 0) & 64)

    @property
    def titles(self) -> list[str]:
        """The titles of what the asker sees in the end, without a count at their beginning."""
        messages = [shown for shown in (self.original, *self.followups) if shown is not None]
        return [shown["embeds"][0]["title"].lstrip("0123456789 ") for shown in messages]

    def answer(self) -> None:
        self.answered_at = time.perf_counter()
        self.answered.set()


class Discord:
    """The peer's state, its routes, and what a test does with it."""

    def __init__(self) -> None:
        self.gateway = Gateway()
        self.commands: dict[str | None, list[Json]] = {None: []}  # by server; None holds the global ones
        self.guilds: list[Json] = [{"id": GUILD, "name": "Readers", "permissions": str(EVERYTHING)}]
        self.closed_guilds: set[str] = set()  # that do not take commands
        self.application: Json = dict(APPLICATION_OBJECT)
        self.asked: dict[str, Asked] = {}
        self.requests: list[str] = []
        self.refused: list[str] = []  # what Discord's document or the peer found wrong
        self.reject_token = False
        self.posted: list[Json] = []  # messages in the channel
        self.messages: dict[str, Json] = {}  # members' messages, by id
        self.files: dict[str, bytes] = {}  # attachments by their path
        self.callback_faults: list[Fault] = []
        self.edit_faults: list[Fault] = []
        self._serial = 0

    @property
    def ready(self) -> asyncio.Event:
        return self.gateway.ready

    def count(self, request: str) -> int:
        """Return how many requests began like `request`, such as "PUT /applications"."""
        return sum(seen.startswith(request) for seen in self.requests)

    def snowflake(self, age: float = 0) -> str:
        """Return a new id, made `age` seconds ago."""
        self._serial += 1
        return str((int((time.time() - age) * 1000) - EPOCH) << 22 | self._serial & 0x3FFFFF)

    async def slash(self, name: str, *, user: int = 1, age: float = 0, times: int = 1, where: Json | None = None,
                    **options: Any) -> Asked:  # fmt: skip
        """Send a slash command of `user`, made `age` seconds ago, `times` times over."""
        given = [{"name": key, "type": _OPTION_TYPES[type(value)], "value": value} for key, value in options.items()]
        data = {"id": self._command(name)["id"], "name": name, "type": 1, "options": given}
        return await self._interact(2, data, user=user, age=age, times=times, where=where)

    async def menu(self, name: str, content: str, *, user: int = 1, where: Json | None = None) -> Asked:
        """Choose a context menu command on a message with `content`."""
        target = message(self.snowflake(), {"content": content}, author=person(77))
        data = {"id": self._command(name)["id"], "name": name, "type": 3, "target_id": target["id"],
                "resolved": {"messages": {target["id"]: target}}}  # fmt: skip
        return await self._interact(2, data, user=user, where=where)

    async def press(self, label: str, below: Json, *, user: int = 1, permissions: int = MEMBER) -> Asked:
        """Press a button below a message; an edit of that message is then the answer."""
        buttons = [button for row in below["components"] for button in row["components"]]
        button = next(button for button in buttons if button["label"].startswith(label))
        data = {"custom_id": button["custom_id"], "component_type": 2, "id": button.get("id", 1)}
        return await self._interact(
            3, data, user=user, where={**in_server(user, permissions, EVERYTHING), "message": below}
        )

    async def submit(self, form: Asked, values: Mapping[str, str], where: Json | None = None) -> Asked:
        """Fill in the modal that `form` was answered with."""
        shown = form.callbacks[0]["data"]
        rows = []
        for row in shown["components"]:
            inputs = row.get("components") or [row["component"]]
            filled = [{"type": 4, "id": one.get("id", 1), "custom_id": one["custom_id"],
                       "value": values[one["custom_id"]]} for one in inputs]  # fmt: skip
            part = {"components": filled} if "components" in row else {"component": filled[0]}
            rows.append({"type": row["type"], "id": row.get("id", 1), **part})
        data = {"custom_id": shown["custom_id"], "components": rows}
        return await self._interact(5, data, user=form.user, where=where)

    async def _interact(self, kind: int, data: Json, *, user: int, age: float = 0, times: int = 1,
                        where: Json | None = None) -> Asked:  # fmt: skip
        asked = Asked(self.snowflake(age), f"interaction-token-canary-{self._serial}", user)
        self.asked[asked.token] = asked
        interaction = {
            "id": asked.id, "application_id": self.application["id"], "type": kind, "token": asked.token, "data": data,
            "version": 1, "locale": "en-US", "entitlements": [], "attachment_size_limit": 26_214_400,
            **(where or in_server(user, MEMBER, EVERYTHING)),
        }  # fmt: skip
        asked.sent = time.perf_counter()
        for _ in range(times):
            await self.gateway.dispatch("INTERACTION_CREATE", interaction)
        return asked

    def _command(self, name: str) -> Json:
        scopes = (self.commands.get(GUILD, []), self.commands[None])
        return next(command for scope in scopes for command in scope if command["name"] == name)

    def routes(self) -> list[web.RouteDef]:
        """Return what Discord answers."""
        application, webhook = f"{API}/applications/{{app}}", f"{API}/webhooks/{{app}}/{{token}}"
        return [
            web.get("/", self.gateway.connected),
            web.get(f"{API}/users/@me", self._me),
            web.get(f"{API}/users/@me/guilds", self._guilds),
            web.get(f"{API}/oauth2/applications/@me", self._application),
            web.get(f"{application}/commands", self._registered),
            web.put(f"{application}/commands", self._sync),
            web.get(f"{application}/guilds/{{guild}}/commands", self._registered),
            web.put(f"{application}/guilds/{{guild}}/commands", self._sync),
            web.post(f"{API}/interactions/{{id}}/{{token}}/callback", self._callback),
            web.patch(f"{webhook}/messages/@original", self._edit),
            web.delete(f"{webhook}/messages/@original", self._delete),
            web.post(webhook, self._followup),
            web.post(f"{API}/channels/{{channel}}/messages", self._post),
            web.get(f"{API}/channels/{{channel}}/messages/{{message}}", self._read),
            web.get("/attachments/{id}/{name}", self._attachment),
        ]

    async def _me(self, request: web.Request) -> web.Response:
        if self.reject_token or request.headers.get("Authorization") != f"Bot {TOKEN}":
            return answer({"message": "401: Unauthorized", "code": 0}, 401)
        return answer(ME)

    async def _guilds(self, _: web.Request) -> web.Response:
        return answer([{**GUILD_OBJECT, **guild} for guild in self.guilds])

    async def _read(self, request: web.Request) -> web.Response:
        found = self.messages.get(request.match_info["message"])
        return answer({"code": 10008, "message": "Unknown Message"}, 404) if found is None else answer(found)

    async def _application(self, _: web.Request) -> web.Response:
        return answer(self.application)

    async def _registered(self, request: web.Request) -> web.Response:
        guild = request.match_info.get("guild")
        if guild in self.closed_guilds:
            return answer({"code": 50001, "message": "Missing Access"}, 403)
        return answer(self.commands.get(guild, []))

    async def _sync(self, request: web.Request) -> web.Response:
        guild = request.match_info.get("guild")
        self.commands[guild] = [as_registered(self.snowflake(), one, guild) for one in await request.json()]
        return answer(self.commands[guild])

    async def _callback(self, request: web.Request) -> web.Response:
        asked = self.asked[request.match_info["token"]]
        body, _ = await payload(request)
        fault = self.callback_faults.pop(0) if self.callback_faults else None
        if fault is not None and not fault.taken:
            asked.refused.set()
            return await suffer(fault)
        if time.time() * 1000 - EPOCH - (int(asked.id) >> 22) > ACKNOWLEDGE_MILLISECONDS:
            return answer({"code": 10062, "message": "Unknown interaction"}, 404)
        if asked.callbacks:
            return self._refuse(400, 40060, "Interaction has already been acknowledged.")
        asked.callbacks.append(body)
        asked.seconds_to_acknowledge = time.perf_counter() - asked.sent
        asked.acknowledged.set()
        result: Json = {"interaction": {"id": asked.id, "type": 2}}
        if body["type"] == _ANSWER:
            asked.original = message(self.snowflake(), body["data"])
            result["resource"] = {"type": _ANSWER, "message": asked.original}
        if body["type"] == _UPDATE:
            asked.original = message(self.snowflake(), body["data"])
            result["resource"] = {"type": _UPDATE, "message": asked.original}
        if body["type"] in (_ANSWER, _UPDATE, _MODAL):
            asked.answer()
        return answer(result) if fault is None else await suffer(fault)

    async def _edit(self, request: web.Request) -> web.Response:
        asked = self.asked[request.match_info["token"]]
        body, files = await payload(request)
        if self.edit_faults:
            return await suffer(self.edit_faults.pop(0))
        if asked.expired or not asked.callbacks:
            asked.refused.set()
            return answer({"code": 10015, "message": "Unknown Webhook"}, 404)
        asked.original = self._message(request, body, files, asked.original)
        asked.edits += 1
        asked.shown.append((time.perf_counter(), asked.original))
        asked.answer()
        return answer(asked.original)

    async def _delete(self, request: web.Request) -> web.Response:
        self.asked[request.match_info["token"]].original = None
        return web.Response(status=204)

    async def _followup(self, request: web.Request) -> web.Response:
        asked = self.asked[request.match_info["token"]]
        body, files = await payload(request)
        if asked.expired or not asked.callbacks:
            return answer({"code": 10015, "message": "Unknown Webhook"}, 404)
        asked.followups.append(self._message(request, body, files))
        return answer(asked.followups[-1])

    async def _post(self, request: web.Request) -> web.Response:
        body, files = await payload(request)
        replied_to = {key: body[key] for key in ("message_reference",) if key in body}
        self.posted.append(self._message(request, body, files) | replied_to)
        return answer(self.posted[-1])

    async def _attachment(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.path])

    def _message(self, request: web.Request, body: Json, files: dict[str, bytes], sent: Json | None = None) -> Json:
        attachments = []
        for name, content in files.items():
            path = f"/attachments/{self.snowflake()}/{name}"
            self.files[path] = content
            url = f"http://{request.host}{path}"
            size = len(content)
            attachments.append({"id": path.split("/")[2], "filename": name, "size": size, "url": url, "proxy_url": url})
        message_id = self.snowflake() if sent is None else sent["id"]
        return message(message_id, body, attachments)

    def _refuse(self, status: int, code: int, problem: str) -> web.Response:
        self.refused.append(problem)
        return answer({"code": code, "message": problem}, status)

    @web.middleware
    async def hold_to_contract(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Count every request, and refuse one that Discord's document does not allow."""
        if not request.path.startswith(API):
            return await handler(request)
        path = request.path.removeprefix(API)
        self.requests.append(f"{request.method} {path}")
        if DOCUMENT.exists():
            body = (await payload(request))[0] if request.body_exists else None
            try:
                check_request(request.method, request.path, body)
            except (AssertionError, jsonschema.ValidationError) as problem:
                return self._refuse(400, 50035, f"{request.method} {path}: {str(problem)[:300]}")
        return await handler(request)


async def suffer(fault: Fault) -> web.Response:
    if fault.hangs:
        await asyncio.sleep(HANG_SECONDS)
    return answer(fault.body, fault.status, fault.headers)


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return JSON with the content type to the letter: with a charset discord.py would not read it."""
    return web.Response(
        body=json.dumps(body).encode(), status=status, headers={"Content-Type": "application/json", **(headers or {})}
    )


async def payload(request: web.Request) -> tuple[Any, dict[str, bytes]]:
    """Return a request's JSON and its files by name."""
    if not request.content_type.startswith("multipart/"):
        return await request.json(), {}
    form = await request.post()
    files: dict[str, bytes] = {}
    for part in form.values():
        if isinstance(part, web.FileField):
            part.file.seek(0)
            files[part.filename] = part.file.read()
    return json.loads(str(form["payload_json"])), files


@asynccontextmanager
async def discord_on_loopback(
    prepare: Callable[[Discord], None] = lambda _: None,
) -> AsyncIterator[tuple[Discord, int]]:
    """Yield a running peer and its port; at the end, nothing may have been sent that Discord would refuse."""
    discord = Discord()
    prepare(discord)
    app = web.Application(middlewares=[discord.hold_to_contract], client_max_size=30 * 1024**2)
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
