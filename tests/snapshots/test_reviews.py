"""What moderators and members see of review channels: every command, cards in every state, digests, notices."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.features.review.showing.weekly import post_weekly_digests
from bot.settings import Settings
from tests.snapshots.conftest import World

GOOD, BAD = "A wonderful, moving film with a great cast.", "A dull, lifeless film that wasted my evening."


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    url = f"sqlite+aiosqlite:///{tmp_path}/nightword.db"
    return Settings.model_validate({"model": "demo", "reviews": True, "database_url": url})


def cards(world: World) -> list[Any]:
    return [message for message in world.channels["log"].history() if message.components]


async def send(world: World, text: str, by: str = "ada") -> Any:
    return await world.people[by].send(world.channels["reviews"], text)


async def moderate(world: World, name: str, command: str, **options: Any) -> None:
    await world.check_answer(name, f"review {command}", by="morgan", **options)


async def test_from_watching_to_unwatching(world: World) -> None:
    place = {"channel": world.channels["reviews"]}
    await moderate(world, "nothing watched", "status")
    await moderate(world, "watched", "watch", **place)
    world.check("notice", world.channels["reviews"].history()[0])
    await moderate(world, "not yet live", "live", **place)
    options: dict[str, Any] = {"label": "reply", "flag_below": 0.5, "urgent_below": 0.0, "excerpts": True}
    await moderate(world, "changed", "watch", log_channel=world.channels["log"], **options, **place)
    await send(world, GOOD)
    await moderate(world, "preview", "preview", **place)
    await moderate(world, "live", "live", **place)
    for text in (GOOD, BAD):
        await send(world, text)
        world.check("label positive" if text == GOOD else "label negative", world.channels["reviews"].history()[-1])
    await moderate(world, "exempt", "exempt", who=world.roles["staff"])
    await moderate(world, "exempt again", "exempt", who=world.people["bob"])
    await moderate(world, "no longer exempt", "exempt", who=world.people["bob"], remove=True)
    await moderate(world, "was not exempt", "exempt", who=world.people["bob"], remove=True)
    await moderate(world, "status", "status")
    await moderate(world, "statistics", "stats", **place)
    await moderate(world, "case", "case", number=1)
    await moderate(world, "backfilled", "backfill", **place)
    await moderate(world, "export", "export", **place)
    await moderate(world, "in shadow again", "live", on=False, **place)
    await moderate(world, "unwatched", "unwatch", **place)
    await moderate(world, "was not watched", "unwatch", **place)


async def flag(world: World) -> None:
    options = {"flag_below": 0.5, "urgent_below": 0.4, "log_channel": world.channels["log"], "notice": False}
    await world.ask("review watch", by="morgan", channel=world.channels["reviews"], **options)
    await world.ask("review live", by="morgan", channel=world.channels["reviews"])


async def test_cards(world: World) -> None:
    await flag(world)
    morgan, mika = world.people["morgan"], world.people["mika"]
    message = await send(world, BAD)
    world.check("urgent", cards(world)[0])
    await morgan.click(cards(world)[0], label="Claim")
    world.check("claimed", cards(world)[0])
    late = await mika.click(cards(world)[0], label="Release")
    world.check("too late", late.followups[0])
    form = world.check_form("note", await mika.click(cards(world)[0], label="Note"))
    await mika.submit_modal(form, {"text": "Seems *fair* to me."})
    await world.people["ada"].edit(message, GOOD)
    world.check("edited", cards(world)[0])
    await morgan.click(cards(world)[0], label="Confirm")
    world.check("confirmed", cards(world)[0])
    await send(world, BAD)
    await mika.click(cards(world)[1], label="Dismiss")
    world.check("dismissed", cards(world)[1])
    await world.check_answer("history", "review case", by="morgan", number=1)
    await world.check_answer("no such case", "review case", by="morgan", number=9)


async def test_digests(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await flag(world)
    for _ in range(8):
        await send(world, BAD)
    await world.env.advance_time(120)
    world.check("of what came at once", cards(world)[-1])
    await world.people["morgan"].click(cards(world)[0], label="Confirm")
    reader: Any = world.env.bot.get_cog("ReviewReader")  # type: ignore[attr-defined]  # the bot is ours
    begun = (await reader.store.places.all())[0].digest_at
    monkeypatch.setattr(discord.utils, "utcnow", lambda: begun + timedelta(days=7))
    await post_weekly_digests(world.env.bot, reader.store)
    (weekly,) = [message for message in world.channels["log"].history() if not message.components]
    world.check("of a week", weekly)


async def test_privacy(world: World) -> None:
    await flag(world)
    await send(world, BAD)
    for name in ("info", "export", "delete", "optout", "info after that", "optin"):
        await world.check_answer(name, f"privacy {name.split()[0]}")


TEMPLATE = {
    "question": "Message: {text}\nSpam:",
    "labels": "yes\nno",
    "examples": "yes: Buy this watch!\nno: See you at eight.",
}


async def test_questions(world: World) -> None:
    place = {"channel": world.channels["reviews"]}
    await world.ask("review watch", by="morgan", notice=False, **place)
    await moderate(world, "none", "question list")
    form = world.check_form("definition", await world.ask("review question define", by="morgan", name="spam"))
    world.check("defined", (await world.people["morgan"].submit_modal(form, TEMPLATE)).response)
    preset = await world.ask("review question define", by="morgan", name="other", preset="spam")
    world.check_form("definition from a preset", preset)
    options = {"flag_label": "yes", "threshold": 0.8, "log_channel": world.channels["log"]}
    await moderate(world, "asked", "watch", question="spam", **options, **place)
    world.check("notice", world.channels["reviews"].history()[0])
    world.check(
        "shown to a member", (await world.people["ada"].slash(place["channel"], "question", name="spam")).response
    )
    await moderate(world, "listed", "question list")
    await moderate(world, "not measured", "live", question="spam", **place)
    await moderate(world, "status", "status")
    await moderate(world, "removed", "unwatch", question="spam", **place)
    deleted = await world.people["morgan"].slash(place["channel"], "review question delete", name="spam")
    world.check("deleted", deleted.response)


async def test_refusals(world: World) -> None:
    place, log = {"channel": world.channels["reviews"]}, world.channels["log"]
    await moderate(world, "not watched", "preview", **place)
    await moderate(world, "without a log channel", "watch", flag_below=0.5, **place)
    await moderate(world, "log channel watched", "watch", channel=log, flag_below=0.5, log_channel=log)
    await moderate(world, "urgent above flagged", "watch", flag_below=0.5, urgent_below=0.6, log_channel=log, **place)
    await moderate(world, "exempt everyone", "exempt", who=world.channels["reviews"].guild.default_role)
