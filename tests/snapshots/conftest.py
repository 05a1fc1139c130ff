"""One server for all snapshots, with the same people and names in each.

After an intended change of words, run `pytest tests/snapshots --snapshot-update` and read the diff.
"""

from dataclasses import dataclass
from typing import Any

import discord
import pytest
import simcord
from syrupy.assertion import SnapshotAssertion

from tests.snapshots.shown import form_as_text, message_as_text


@dataclass(frozen=True)
class World:
    """A server with channels and people by name, and comparisons with the snapshots."""

    env: simcord.Env
    channels: dict[str, Any]
    people: dict[str, Any]
    roles: dict[str, Any]
    names: dict[int, str]
    snapshot: SnapshotAssertion

    async def ask(self, command: str, by: str = "ada", **options: Any) -> Any:
        """Return the answer to a command."""
        result = await self.people[by].slash(self.channels["reviews"], command, **options)
        return result.response if result.response is not None else result

    def check(self, name: str, message: Any) -> Any:
        """Compare a message's current state with its snapshot, and return the message."""
        assert message_as_text(message, self.names) == self.snapshot(name=name)
        return message

    def check_form(self, name: str, result: Any) -> Any:
        assert form_as_text(result.modal) == self.snapshot(name=name)
        return result

    async def check_answer(self, name: str, command: str, by: str = "ada", **options: Any) -> Any:
        return self.check(name, await self.ask(command, by, **options))


@pytest.fixture
def world(simcord_env: simcord.Env, snapshot: SnapshotAssertion) -> World:
    simcord_env.bot.executor.wait_until_loaded()  # type: ignore[attr-defined]  # the bot is ours
    for _ in range(20_000):  # the bot remembers turns by message id: skip to ids that no other test uses
        simcord_env.backend.snowflake()
    guild = simcord_env.create_guild("Readers")
    channels = {name: guild.create_text_channel(name) for name in ("reviews", "lobby", "log")}
    moderate = discord.Permissions(manage_messages=True, manage_guild=True)
    roles = {"moderators": guild.create_role("moderators", permissions=moderate), "staff": guild.create_role("staff")}
    held = {"morgan": [roles["moderators"]], "mika": [roles["moderators"]]}
    people = {
        name: guild.add_member(simcord_env.create_user(name), roles=held.get(name, []))
        for name in ("ada", "bob", "morgan", "mika")
    }
    names = {named.id: name for name, named in (channels | people | roles | {"server": guild}).items()}
    return World(simcord_env, channels, people, roles, names, snapshot)
