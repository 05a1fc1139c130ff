"""Put what an earlier version wrote into a simulated Discord, where this version answers."""

import itertools
import json
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import simcord
from simcord.backend.models import Reaction

MADE = Path(__file__).parents[1] / "data" / "made_by_d696698"
MESSAGES = sorted(file.stem for file in (MADE / "messages").glob("*.json"))
EPHEMERAL = 1 << 6

_hours = itertools.count(1)


def load(name: str) -> Any:
    return json.loads((MADE / name).read_text(encoding="utf-8"))


def with_ids(value: Any, ids: dict[int, int]) -> Any:
    """Return `value` with the recorded ids replaced by those of this simulated Discord."""
    return json.loads(replace_ids(json.dumps(value), ids))


def replace_ids(text: str, ids: dict[int, int]) -> str:
    names = "|".join(map(str, ids))
    return re.sub(rf"\b(?:{names})\b", lambda id_: str(ids[int(id_[0])]), text)


def post(env: simcord.Env, channel: Any, recorded: dict[str, Any], people: dict[str, Any], ids: dict[int, int]) -> int:
    """Post a recorded message in `channel` and return its id."""
    attachments = [
        (name, json.dumps(_file(content, ids), ensure_ascii=False).encode(encoding="utf-8"))
        for name, content in recorded.get("files", {}).items()
    ]
    interaction: dict[str, Any] | None = None
    if "only_for" in recorded:
        user = {
            "id": str(people[recorded["only_for"]].id),
            "username": recorded["only_for"],
            "discriminator": "0",
            "avatar": None,
        }
        interaction = {
            "id": str(env.backend.snowflake()),
            "type": 2,
            "user": user,
            "authorizing_integration_owners": {},
        }
    message = env.backend.create_message(
        channel.id,
        people[recorded.get("author", "bot")].id,
        recorded.get("content", ""),
        embeds=with_ids(recorded["embeds"], ids),
        components=with_ids(recorded["components"], ids),
        attachments=env.backend.store_attachments(channel.id, attachments),
        flags=0 if interaction is None else EPHEMERAL,
        interaction_metadata=interaction,
    )
    message.reactions = [Reaction(emoji, [env.backend.bot_user.id]) for emoji in recorded.get("reactions", [])]
    return message.id


def _file(content: dict[str, Any], ids: dict[int, int]) -> Any:
    """Return a file with the current ids, except in guesses: a seal depends on its user's id."""
    return with_ids(content, ids) | {name: content[name] for name in ("guesses",) if name in content}


@dataclass(frozen=True)
class Readers:
    """The server in which the earlier version answered."""

    env: simcord.Env
    channel: Any
    people: dict[str, Any]
    ids: dict[int, int]

    @classmethod
    def build(cls, env: simcord.Env) -> "Readers":
        # The bot remembers turns by message id. An hour of its own gives each test ids that no other test uses.
        env.backend.advance_clock(3600 * next(_hours))
        guild = env.create_guild("Readers")
        channel = guild.create_text_channel("playground")
        people: dict[str, Any] = {name: guild.add_member(env.create_user(name)) for name in ("ada", "bob", "carl")}
        people["bot"] = env.backend.bot_user
        return cls(env, channel, people, {id_: people[name].id for name, id_ in load("people.json").items()})

    def post(self, name: str) -> discord.Message:
        recorded = load(f"messages/{name}.json")
        return self.message(post(self.env, self.channel, recorded, self.people, self.ids))

    def message(self, id_: int) -> discord.Message:
        seen = [message for name in ("ada", "bob") for message in self.channel.history(viewer=self.people[name])]
        message: discord.Message = next(message for message in seen if message.id == id_)
        return message

    def reader_of(self, name: str) -> Any:
        """Return a member who sees the message: someone other than the asker, unless only the asker sees it."""
        return self.people[load(f"messages/{name}.json").get("only_for", "bob")]


def write_database(file: Path, ids: dict[int, int]) -> None:
    """Write the earlier version's database."""
    connection = sqlite3.connect(file)
    connection.executescript(replace_ids((MADE / "reviews.sql").read_text(encoding="utf-8"), ids))
    connection.close()


def components(message: Any) -> dict[str, dict[str, Any]]:
    """Return buttons and menus by their custom_ids."""
    rows = [row if isinstance(row, dict) else row.to_dict() for row in message.components]
    return {part["custom_id"]: part for row in rows for part in row["components"]}


def component(message: Any, start: str) -> str:
    """Return the only custom_id that begins with `start`."""
    (match,) = [custom_id for custom_id in components(message) if custom_id.startswith(start)]
    return match


def answers(result: Any, message: Any = None) -> list[Any]:
    """Return an interaction's messages, response and follow-ups, except `message`."""
    replies = [reply for reply in (result.response, *result.followups) if reply is not None]
    return [reply for reply in replies if message is None or reply.id != message.id]


def text_of(message: Any) -> str:
    """Return the text of a message's embeds, as JSON."""
    return json.dumps([embed.to_dict() for embed in message.embeds], ensure_ascii=False)
