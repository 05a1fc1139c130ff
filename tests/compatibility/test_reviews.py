"""Review channels of an earlier version: the database is migrated, cards work, pending messages are scored."""

import csv
import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord

from bot.app.client import Nightword
from bot.engine.model import EngineModel
from bot.settings import Settings
from tests.compatibility.earlier import component, components, load, post, text_of, write_database
from tests.conftest import make_executor
from tests.features.messages import state_of

CLAIMED, CONFIRMED, DISMISSED, WITHDRAWN, OPEN, IN_DIGEST = 1, 2, 3, 4, 5, 6
WAITING = "A dull, lifeless film that wasted my evening, number nine."


class Reviews:
    """The server that the earlier version watched."""

    def __init__(self, env: simcord.Env) -> None:
        recorded = load("reviews.json")
        self.env, self.guild = env, env.create_guild("Readers")
        permissions = discord.Permissions(manage_messages=True, manage_guild=True)
        roles = {
            "moderators": self.guild.create_role("moderators", permissions=permissions),
            "staff": self.guild.create_role("staff"),
        }
        self.channels = {
            name: self.guild.create_text_channel(name) for name in ("film-reviews", "lobby", "moderators-log")
        }
        role_of = {"morgan": [roles["moderators"]], "mika": [roles["moderators"]], "steph": [roles["staff"]]}
        self.people: dict[str, Any] = {
            name: self.guild.add_member(env.create_user(name), roles=role_of.get(name, []))
            for name in ("morgan", "mika", "ada", "bob", "carl", "steph")
        }
        self.people["bot"] = env.backend.bot_user
        objects = {"guild": self.guild, **roles, **self.channels, **self.people}
        self.ids: dict[int, int] = {id_: objects[name].id for name, id_ in recorded["ids"].items()}
        for message in recorded["messages"]:
            self.ids[message["id"]] = post(env, self.channels[message["channel"]], message, self.people, self.ids)

    @property
    def channel(self) -> Any:
        return self.channels["film-reviews"]

    @property
    def log(self) -> list[discord.Message]:
        history: list[discord.Message] = self.channels["moderators-log"].history()
        return history

    def card(self, case: int) -> discord.Message:
        """Return the only card of a case, found by its buttons' custom_ids."""
        ends = f":{case}"
        (card,) = [
            message for message in self.log
            if any(id_.startswith("case:") and id_.endswith(ends) for id_ in components(message))
        ]  # fmt: skip
        return card

    def actions(self, case: int) -> set[str]:
        return {custom_id.split(":")[1] for custom_id in components(self.card(case))}

    async def act(self, name: str, case: int, action: str) -> Any:
        return await self.people[name].click(self.card(case), custom_id=f"case:{action}:{case}")

    async def ask(self, name: str, command: str, **options: Any) -> Any:
        return (await self.people[name].slash(self.channel, command, **options)).response

    def reactions(self, text: str) -> list[list[str]]:
        messages = [message for message in self.channel.history() if message.content == text]
        return [[str(reaction.emoji) for reaction in message.reactions] for message in messages]


@pytest.fixture
async def reviews(simcord_env: simcord.Env, demo_model: EngineModel, tmp_path: Path) -> Any:
    """Today's bot, started with the server and the database of the earlier version."""
    simcord_env.backend.advance_clock(3600)
    server = Reviews(simcord_env)
    file = tmp_path / "nightword.db"
    write_database(file, server.ids)
    url = f"sqlite+aiosqlite:///{file}"
    settings = Settings.model_validate({"model": "demo", "reviews": True, "database_url": url})
    bot = Nightword(settings, make_executor(lambda: demo_model, settings))
    bot.executor.start()
    bot.executor.wait_until_loaded()
    await simcord_env.restart_bot(bot)
    yield server
    await bot.close()


async def test_pending_messages_are_scored_and_shown(reviews: Reviews) -> None:
    assert reviews.reactions(WAITING) == [["🙁"]]
    assert {tuple(reactions) for reactions in reviews.reactions("A wonderful, moving film with a great cast.")} == {
        ("🙂",)
    }
    card = reviews.card(8)
    assert str(reviews.people["bob"].id) in text_of(card)
    assert reviews.actions(8) == {"claim", "confirm", "dismiss", "note"}
    assert len(reviews.log) == 5 + 1 + 1  # five cards, a digest and the new card


async def test_an_open_card_is_claimed_noted_and_decided(reviews: Reviews) -> None:
    await reviews.act("morgan", OPEN, "claim")
    assert reviews.actions(OPEN) == {"release", "confirm", "dismiss", "note"}
    await reviews.people["mika"].submit_modal(
        await reviews.act("mika", OPEN, "note"), {"text": "Written by the new version."}
    )
    await reviews.act("morgan", OPEN, "confirm")
    assert reviews.actions(OPEN) == {"note"}
    card = text_of(reviews.card(OPEN))
    assert "Written by the new version." in card
    assert str(reviews.people["mika"].id) in card
    assert "number 6." in card  # the excerpt


async def test_a_claimed_card_is_released_and_dismissed(reviews: Reviews) -> None:
    late = await reviews.act("mika", CLAIMED, "release")
    assert str(reviews.people["morgan"].id) in late.followups[0].content
    await reviews.act("morgan", CLAIMED, "release")
    assert reviews.actions(CLAIMED) == {"claim", "confirm", "dismiss", "note"}
    await reviews.act("mika", CLAIMED, "dismiss")
    assert reviews.actions(CLAIMED) == {"note"}
    assert "Seems" in text_of(reviews.card(CLAIMED))  # the earlier note


@pytest.mark.parametrize("case", [CONFIRMED, DISMISSED])
async def test_a_decided_card_takes_notes(reviews: Reviews, case: int) -> None:
    assert reviews.actions(case) == {"note"}
    await reviews.people["ada"].click(reviews.card(case), custom_id=f"case:note:{case}")  # Ada is not a moderator
    form = await reviews.act("mika", case, "note")
    await reviews.people["mika"].submit_modal(form, {"text": "Afterwards."})
    assert "Afterwards." in text_of(reviews.card(case))


async def test_an_edited_message_is_flagged_again(reviews: Reviews) -> None:
    before = text_of(reviews.card(WITHDRAWN))
    (message,) = [
        message for message in reviews.channel.history() if message.content.startswith("A wonderful film, and")
    ]
    await reviews.people["ada"].edit(message, "A dull, lifeless film that wasted my evening, number 4.")
    assert text_of(reviews.card(WITHDRAWN)) != before
    await reviews.act("mika", WITHDRAWN, "confirm")
    assert reviews.actions(WITHDRAWN) == {"note"}


async def test_a_digest_posts_the_card_that_is_chosen(reviews: Reviews) -> None:
    (digest,) = [message for message in reviews.log if any(id_.startswith("digest") for id_ in components(message))]
    await reviews.people["morgan"].select(digest, [str(IN_DIGEST)], custom_id=component(digest, "digest"))
    await reviews.act("morgan", IN_DIGEST, "dismiss")
    assert reviews.actions(IN_DIGEST) == {"note"}


async def test_a_deleted_message_s_card_is_deleted(reviews: Reviews) -> None:
    (message,) = [message for message in reviews.channel.history() if message.content.endswith("number 6.")]
    await reviews.people["ada"].delete(message)
    assert [message for message in reviews.log if f"case:note:{OPEN}" in components(message)] == []


async def test_status_and_history_show_the_stored_data(reviews: Reviews) -> None:
    status = text_of(await reviews.ask("morgan", "review status"))
    for name in ("film-reviews", "lobby", "staff", "carl", "morgan", "mika"):
        objects = {**reviews.channels, **reviews.people, **reviews.guild.roles}
        assert str(objects[name].id) in status, name
    assert "1 of 2" in status  # decided cases
    history = text_of(await reviews.ask("morgan", "review case", number=DISMISSED))
    assert "Agreed." in history
    assert history.count(str(reviews.people["mika"].id)) == 3  # claimed, released and dismissed
    assert "Seems" in text_of(await reviews.ask("morgan", "review case", number=CLAIMED))


async def test_an_export_has_the_earlier_scores(reviews: Reviews, tmp_path: Path) -> None:
    write_database(tmp_path / "earlier.db", reviews.ids)
    connection = sqlite3.connect(tmp_path / "earlier.db")
    kept = connection.execute(
        "SELECT message_id, positive_probability, margin, label_mass, model FROM message "
        "JOIN score USING (message_id, content_hash) WHERE channel_id = ?", (reviews.channel.id,)
    ).fetchall()  # fmt: skip
    connection.close()
    exported = await reviews.ask("morgan", "review export", channel=reviews.channel)
    (file,) = exported.attachments
    rows = {
        int(row["message"].rpartition("/")[2]): row
        for row in csv.DictReader(io.StringIO((await file.read()).decode("utf-8-sig"), newline=""))
    }
    assert len(kept) == 10
    assert len(rows) == len(kept) + 2  # the pending messages
    for message_id, *figures, model in kept:
        row = rows[message_id]
        assert [float(row[name]) for name in ("positive_probability", "margin", "label_mass")] == figures
        assert row["model"] == model
    statistics = text_of(await reviews.ask("morgan", "review preview", channel=reviews.channel))
    assert str(len(rows)) in statistics


async def test_an_exempt_role_stays_unread(reviews: Reviews) -> None:
    for name in ("steph", "ada"):
        await reviews.people[name].send(reviews.channel, f"A dull, lifeless film, says {name}.")
    reactions = {name: reviews.reactions(f"A dull, lifeless film, says {name}.") for name in ("steph", "ada")}
    assert reactions == {"steph": [[]], "ada": [["🙁"]]}


@pytest.mark.parametrize("steps", [("optin", "unexempt"), ("unexempt", "optin")], ids=" ".join)
async def test_a_member_who_opted_out_and_is_exempt_is_read_after_both_have_ended(
    reviews: Reviews, steps: tuple[str, str]
) -> None:
    carl = reviews.people["carl"]
    for number, step in enumerate((None, *steps)):
        if step == "optin":
            await carl.slash(reviews.channel, "privacy optin")
        elif step == "unexempt":
            await reviews.ask("mika", "review exempt", who=carl, remove=True)
        await carl.send(reviews.channel, f"A dull, lifeless film, number {number}.")
    reactions = [reviews.reactions(f"A dull, lifeless film, number {number}.") for number in range(3)]
    assert reactions == [[[]], [[]], [["🙁"]]]


async def test_scored_messages_are_not_scored_again(reviews: Reviews, tmp_path: Path) -> None:
    await reviews.env.advance_time(60)
    connection = sqlite3.connect(tmp_path / "nightword.db")
    ids = [id_ for (id_,) in connection.execute("SELECT id FROM score ORDER BY id")]
    connection.close()
    assert ids == list(range(1, 15))  # twelve earlier ones, and the two pending messages


async def test_members_get_a_copy_of_their_stored_data(reviews: Reviews) -> None:
    exported = await reviews.ask("ada", "privacy export")
    kept = await state_of(exported, exported.attachments[0].filename)
    earlier = [message for message in load("reviews.json")["messages"] if message["author"] == "ada"]
    assert {int(message["message_id"]) for message in kept["messages"]} == {
        reviews.ids[message["id"]] for message in earlier
    }
    assert [case["number"] for case in kept["cases"]] == [2, WITHDRAWN, OPEN, 7]
    assert json.dumps(kept).count(str(reviews.people["morgan"].id)) >= 1  # she confirmed a case


async def test_unwatching_deletes_the_notice(reviews: Reviews) -> None:
    def posted() -> list[discord.Message]:
        return [message for message in reviews.channel.history() if message.author.id == reviews.people["bot"].id]

    assert len(posted()) == 1
    await reviews.ask("morgan", "review unwatch", channel=reviews.channel)
    assert posted() == []
    assert reviews.log == []
