"""The channels of the small Discord: the bot can post, read, edit and delete messages."""

from typing import Any

from aiohttp import web

from tests.wire.objects import Json, Snowflakes, message
from tests.wire.rest import API, Fault, answer, payload, suffer

PNG_START = 8  # bytes before the first chunk

UNKNOWN_MESSAGE = {"code": 10008, "message": "Unknown Message"}


class Channels(Snowflakes):
    """Every message in a channel, and its files.

    Discord remembers nonces for some minutes and this doesn't: a message that is posted twice is there twice.
    """

    def __init__(self) -> None:
        super().__init__()
        self.posted: list[Json] = []  # the bot's messages
        self.messages: dict[str, Json] = {}  # members' messages, by id
        self.files: dict[str, bytes] = {}  # attachments by path
        self.strips_pictures = False  # serve pictures without their texts, as Discord did in April 2023
        self.loses_files = False
        self.fetched: list[str] = []  # the names of the files that were fetched
        self.message_faults: dict[str, list[Fault]] = {}  # for requests about messages, by HTTP method

    def messages_in(self, channel: str) -> list[Json]:
        """Return the messages of a channel, the oldest first."""
        messages = [message for message in (*self.messages.values(), *self.posted) if message["channel_id"] == channel]
        return sorted(messages, key=lambda message: int(message["id"]))

    def message_routes(self) -> list[web.RouteDef]:
        messages = f"{API}/channels/{{channel}}/messages"
        return [
            web.post(messages, self._post),
            web.get(messages, self._history),
            web.get(f"{messages}/{{message}}", self._read),
            web.patch(f"{messages}/{{message}}", self._change),
            web.delete(f"{messages}/{{message}}", self._delete_message),
            web.get("/attachments/{id}/{name}", self._attachment),
        ]

    async def _post(self, request: web.Request) -> web.Response:
        body, files = await payload(request)
        fault = self._fault(request)
        if fault is not None and not fault.taken:
            return await suffer(fault)
        said = self._message(request, body, files) | {"channel_id": request.match_info["channel"]}
        self.posted.append(said | {key: body[key] for key in ("message_reference",) if key in body})
        return answer(self.posted[-1]) if fault is None else await suffer(fault)

    async def _history(self, request: web.Request) -> web.Response:
        """Return the messages next to `after` or `before`, the newest first."""
        said, limit = self.messages_in(request.match_info["channel"]), int(request.query.get("limit", 50))
        if "after" in request.query:
            page = [message for message in said if int(message["id"]) > int(request.query["after"])][:limit]
        else:
            before = int(request.query.get("before", 1 << 63))
            page = [message for message in said if int(message["id"]) < before][-limit:]
        return answer(page[::-1])

    async def _read(self, request: web.Request) -> web.Response:
        stored = self._find(request)
        return answer(UNKNOWN_MESSAGE, 404) if stored is None else answer(stored)

    async def _change(self, request: web.Request) -> web.Response:
        body, _ = await payload(request)
        stored, fault = self._find(request), self._fault(request)
        if fault is not None and not fault.taken:
            return await suffer(fault)
        if stored is None:
            return answer(UNKNOWN_MESSAGE, 404)
        stored |= {key: body[key] for key in ("content", "embeds", "components") if key in body}
        return answer(stored) if fault is None else await suffer(fault)

    async def _delete_message(self, request: web.Request) -> web.Response:
        stored, fault = self._find(request), self._fault(request)
        if fault is not None:
            return await suffer(fault)
        if stored is None:
            return answer(UNKNOWN_MESSAGE, 404)
        self.posted.remove(stored)
        return web.Response(status=204)

    async def _attachment(self, request: web.Request) -> web.Response:
        content, name = self.files[request.path], request.match_info["name"]
        self.fetched.append(name)
        if self.loses_files:
            return web.Response(status=404)
        return web.Response(body=without_texts(content) if self.strips_pictures and name.endswith(".png") else content)

    def _find(self, request: web.Request) -> Json | None:
        said = self.messages_in(request.match_info["channel"])
        return next((message for message in said if message["id"] == request.match_info["message"]), None)

    def _fault(self, request: web.Request) -> Fault | None:
        faults = self.message_faults.get(request.method, [])
        return faults.pop(0) if faults else None

    def _message(self, request: web.Request, body: Json, files: dict[str, bytes], sent: Json | None = None) -> Json:
        """Return a message. A picture that an embed shows is in that embed, and not among the attachments."""
        attachments: list[dict[str, Any]] = []
        pictures = [embed["image"] for embed in body.get("embeds") or () if "image" in embed]
        for name, content in files.items():
            path = f"/attachments/{self.snowflake()}/{name}"
            self.files[path] = content
            url = f"http://{request.host}{path}"
            size = len(content)
            if shown := [picture for picture in pictures if picture["url"] == f"attachment://{name}"]:
                shown[0] |= {"url": url, "proxy_url": f"http://{request.host}/proxy{path}"}  # a converted copy
                continue
            attachments.append({"id": path.split("/")[2], "filename": name, "size": size, "url": url, "proxy_url": url})
        message_id = self.snowflake() if sent is None else sent["id"]
        return message(message_id, body, attachments)


def without_texts(png: bytes) -> bytes:
    """Return a picture without the chunks that a decoder doesn't need."""
    kept, position = png[:PNG_START], PNG_START
    while position < len(png):
        end = position + 12 + int.from_bytes(png[position : position + 4])
        if png[position + 4 : position + 5].isupper():  # a critical chunk
            kept += png[position:end]
        position = end
    return kept
