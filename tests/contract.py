"""Check the bot's requests against Discord's OpenAPI document, if it is available."""

import functools
import json
import re
import warnings
from typing import Any

import jsonschema
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.conftest import SHARED

DOCUMENT = SHARED / "discord" / "openapi.json"
MAX_EMBED_CHARACTERS = 6000
MEDIA_CHANNEL = 16
COMMAND_NAME = re.compile(r"[-_'\w]{1,32}")
_PREFIX = re.compile(r"^/api/v\d+")


@functools.cache
def _document() -> Any:
    return json.loads(DOCUMENT.read_text())


@functools.cache
def _routes() -> list[tuple[re.Pattern[str], str]]:
    """Return the document's paths with a pattern for each, those with fewer parameters first."""
    paths = sorted(_document()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), path) for path in paths]


@functools.cache
def _validator(reference: str) -> Any:
    resource = Resource.from_contents(_document(), default_specification=DRAFT202012)
    registry = Registry().with_resource("discord", resource)
    return jsonschema.Draft202012Validator({"$ref": f"discord#{reference}"}, registry=registry)


def has_document() -> bool:
    """Return whether requests can be checked. If not, each such test has a warning in pytest's summary.

    A skip would also drop everything else that those tests assert.
    """
    if not DOCUMENT.exists():
        warnings.warn(f"{DOCUMENT} is missing: no request is checked against Discord's contract", stacklevel=2)
        return False
    return True


def check_request(method: str, path: str, body: Any) -> None:
    """Raise AssertionError or jsonschema.ValidationError if Discord would refuse the request."""
    path = _PREFIX.sub("", path.partition("?")[0])
    for pattern, template in _routes():
        operation = _document()["paths"][template].get(method.lower())
        if operation is not None and pattern.fullmatch(path):
            break
    else:
        raise AssertionError(f"Discord has no {method} {path}")
    if body is not None and "application/json" in operation.get("requestBody", {}).get("content", {}):
        keys = ("paths", template, method.lower(), "requestBody", "content", "application/json", "schema")
        pointer = "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)
        _validator(pointer).validate(_without_known_gap(body))
        _check_by_hand(body, is_edit=method == "PATCH")


def _without_known_gap(body: Any) -> Any:
    """Return `body` in the form that Discord's document allows; Discord itself accepts more.

    discord.py sends some ids as integers, where the document wants strings, and permissions as strings, where it wants
    integers. It also offers media channels, which the document doesn't have.
    """
    copy = json.loads(json.dumps(body), object_hook=_without_known_gap_in)
    for message in (copy, copy.get("data") if isinstance(copy, dict) else None):
        if isinstance(message, dict):
            for attachment in message.get("attachments") or []:
                attachment["id"] = str(attachment["id"])
    return copy


def _without_known_gap_in(part: dict[str, Any]) -> dict[str, Any]:
    part.update({key: str(value) for key, value in part.items() if key.endswith("_id") and isinstance(value, int)})
    for permissions in {"allow", "deny"} & set(part):
        part[permissions] = int(part[permissions])
    if "channel_types" in part:
        part["channel_types"] = [kind for kind in part["channel_types"] if kind != MEDIA_CHANNEL]
    return part


def _check_by_hand(body: Any, *, is_edit: bool) -> None:
    """Check rules missing from the document: embeds' total, command names, required options first, empty messages."""
    for command in body if isinstance(body, list) else []:
        assert COMMAND_NAME.fullmatch(command["name"]) or command.get("type") == 3
        assert command["name"].islower() or command.get("type") == 3
        required = [option.get("required", False) for option in command.get("options", [])]
        assert required == sorted(required, reverse=True), f"/{command['name']}: required options come first"
    for message in (body, body.get("data")) if isinstance(body, dict) else ():
        if not isinstance(message, dict) or not {"embeds", "content"} & set(message):
            continue
        assert message.get("content") or message.get("embeds") or message.get("attachments"), "an empty message"
        assert sum(_characters(embed) for embed in message.get("embeds") or []) <= MAX_EMBED_CHARACTERS
        # discord.py omits allowed_mentions when it edits only embeds, which never mention anyone.
        could_mention = bool(message.get("content")) or not is_edit
        allowed = message.get("allowed_mentions") or {}
        assert not could_mention or (allowed.get("parse") == [] and not any(allowed.values())), (
            "someone could be mentioned"
        )


def _characters(embed: dict[str, Any]) -> int:
    texts = [embed.get("title"), embed.get("description"), embed.get("footer", {}).get("text")]
    texts += [text for field in embed.get("fields", []) for text in (field["name"], field["value"])]
    return sum(len(text) for text in texts if text)
