"""Context menus on every kind of message that Discord sends: the text is read, or the reply says why there is none."""

from pathlib import Path
from typing import Any

from tests.wire.discord_peer import Discord, discord_on_loopback
from tests.wire.objects import CHANNEL, Json, message, person
from tests.wire.running import started, until_loaded, wait_for_answer

FORWARD: Json = {"type": 1, "channel_id": CHANNEL, "message_id": "5"}
PNG: Json = {
    "id": "6",
    "filename": "a.png",
    "size": 1,
    "url": "http://a/a.png",
    "proxy_url": "",
    "content_type": "image/png",
}


def snapshot(content: str = "", **parts: Any) -> Json:
    empty = {"type": 0, "embeds": [], "attachments": [], "timestamp": "2026-01-01T00:00:00+00:00", "components": []}
    return {"message": {**empty, "edited_timestamp": None, "content": content, "flags": 0, **parts}}


def text(content: str) -> Json:
    return {"type": 10, "id": 1, "content": content}


def poll(*answers: str | None) -> Json:
    media = [
        {"answer_id": number, "poll_media": {"text": answer, "emoji": {"name": "🙂"}}}
        for number, answer in enumerate(answers, 1)
    ]
    return {
        "question": {"text": "Which?"}, "answers": media, "expiry": "2030-01-01T00:00:00+00:00",
        "allow_multiselect": False,
        "layout_type": 1,
    }  # fmt: skip


def reply(kind: int) -> Json:
    referenced = message("5", {"content": "What was said before."}, author=person(78))
    return {
        "type": kind,
        "message_reference": {"channel_id": CHANNEL, "message_id": "5"},
        "referenced_message": referenced,
    }


READ: list[tuple[str, Json, str]] = [
    ("Words.", {}, "Words."),
    (
        "Words.",
        {"embeds": [{"type": "link", "title": "A preview", "url": "http://a.b"}], "attachments": [PNG]},
        "Words.",
    ),
    ("Words.", reply(19), "Words."),
    ("", {"message_reference": FORWARD, "message_snapshots": [snapshot("Forwarded.")]}, "Forwarded."),
    (
        "",
        {"message_reference": FORWARD, "message_snapshots": [snapshot("a", attachments=[PNG]), snapshot("b")]},
        "a\nb",
    ),
    ("", {"message_reference": FORWARD, "message_snapshots": [snapshot(components=[text("c")])]}, "c"),
    ("", {"poll": poll("One.", None, "Two.")}, "Which?\nOne.\nTwo."),
    ("", {"components": [text("a"), {"type": 99, "id": 2}, {"type": 17, "id": 3, "components": [text("b")]}]}, "a\nb"),
    ("", reply(21), "What was said before."),  # the first message of a thread
]
NOT_READ: list[tuple[Json, str]] = [
    ({"message_reference": FORWARD}, "Discord did not include the message that it forwards"),
    ({"message_reference": FORWARD, "message_snapshots": [snapshot(attachments=[PNG, PNG])]}, "it forwards 2 images"),
    ({"message_reference": FORWARD, "message_snapshots": [snapshot()]}, "it is empty"),
    (
        {"sticker_items": [{"id": "5", "name": "Wave", "format_type": 1}], "attachments": [PNG]},
        "an image and a sticker",
    ),
    ({"embeds": [{"type": "rich"}, {"type": "rich"}]}, "it contains 2 embeds, which are not read"),
    ({"type": 46, "message_reference": FORWARD | {"type": 0}}, "it is the result of a poll"),
    ({"type": 18, "content": "A thread"}, "it is one of Discord's own notices"),
    (reply(21) | {"referenced_message": None}, "it only points to the message that started this thread"),
    ({"components": [{"type": 1, "id": 1, "components": []}]}, "it contains an app's buttons or pictures"),
    ({}, "it is empty"),
]


async def test_each_kind_of_message_is_read_or_named(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path):
        await until_loaded(discord)
        for content, parts, read in READ:
            expected = await embed(discord, "Tokenize", read, {})
            assert await embed(discord, "Tokenize", content, parts) == expected, parts
        for parts, instead in NOT_READ:
            shown = await embed(discord, "X-ray", "", parts)
            assert instead in shown["description"], parts
            assert shown["title"] == "No text"


async def embed(discord: Discord, menu: str, content: str, parts: Json) -> Json:
    interaction = await wait_for_answer(await discord.menu(menu, content, parts=parts))
    assert interaction.private
    assert interaction.original is not None
    shown: Json = dict(interaction.original["embeds"][0])
    shown.pop("footer", None)
    if "image" in shown:  # its address differs from message to message
        shown["image"] = shown["image"]["url"].rpartition("/")[2]
    return shown
