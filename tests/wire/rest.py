"""How the small Discord answers requests, and faults that replace an answer."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.wire.objects import Json

API = "/api/v10"
HANG_SECONDS = 60.0


class SignsOfLife:
    """How many requests this process's peers have received, which shows a waiting test that its bot is active."""

    count = 0


SIGNS_OF_LIFE = SignsOfLife()


@dataclass
class Fault:
    """What happens to a request instead of its answer. If `taken`, the request has its effect first."""

    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Json = field(default_factory=lambda: {"code": 0, "message": "fault"})
    hangs: bool = False
    taken: bool = False
    cuts: bool = False


async def suffer(fault: Fault) -> web.Response:
    if fault.hangs:
        await asyncio.sleep(HANG_SECONDS)
    return answer(fault.body, fault.status, fault.headers)


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return JSON with the exact content type: discord.py does not parse it if there is a charset."""
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
