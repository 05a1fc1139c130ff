"""The people of the small Discord: they type commands, press buttons and fill in forms."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.wire.gateway import Gateway
from tests.wire.objects import APPLICATION_OBJECT, GUILD, Json, Snowflakes, in_server, message, person

EVERYTHING = (1 << 50) - 1
MEMBER = 1 << 31 | 1 << 11 | 1 << 10  # use application commands, send messages, view channels

DRAFTS = ("Writing …", "Waiting …")  # the titles of drafts, which are shown until the answer is there
_OPTION_TYPES = {str: 3, int: 4, bool: 5, float: 10}


@dataclass
class Interaction:
    """An interaction as its user sees it: how it was acknowledged, and what is shown now."""

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
        """The titles of the messages that the asker sees now, without a leading count."""
        messages = [shown for shown in (self.original, *self.followups) if shown is not None]
        return [shown["embeds"][0]["title"].lstrip("0123456789 ") for shown in messages]

    @property
    def is_draft(self) -> bool:
        """Whether a draft is shown, which the answer will replace."""
        return self.original is not None and _is_draft(self.original)

    @property
    def final_edits(self) -> int:
        """How many edits were not drafts."""
        return sum(not _is_draft(shown) for _, shown in self.shown)

    def answer(self) -> None:
        self.answered_at = time.perf_counter()
        self.answered.set()


def _is_draft(shown: Json) -> bool:
    return any(embed.get("title", "").lstrip("0123456789 ") in DRAFTS for embed in shown["embeds"])


class People(Snowflakes):
    """What people do in Discord's clients, and what they see there."""

    def __init__(self) -> None:
        super().__init__()
        self.gateway = Gateway()
        self.application: Json = dict(APPLICATION_OBJECT)
        self.commands: dict[str | None, list[Json]] = {None: []}  # by server; None has the global ones
        self.interactions: dict[str, Interaction] = {}

    @property
    def ready(self) -> asyncio.Event:
        return self.gateway.ready

    async def slash(self, name: str, *, user: int = 1, age: float = 0, times: int = 1, where: Json | None = None,
                    shard: int | None = None, **options: Any) -> Interaction:  # fmt: skip
        """Send a slash command of `user` that is `age` seconds old, `times` times, to the shard of its server.

        `shard` is another shard that gets it instead.
        """
        given = [{"name": key, "type": _OPTION_TYPES[type(value)], "value": value} for key, value in options.items()]
        data = {"id": self._command(name)["id"], "name": name, "type": 1, "options": given}
        return await self._interact(2, data, user=user, age=age, times=times, where=where, shard=shard)

    async def menu(
        self, name: str, content: str, *, user: int = 1, where: Json | None = None, parts: Json | None = None
    ) -> Interaction:
        """Choose a context menu command on a message with `content` and `parts`, further keys of the message."""
        target = message(self.snowflake(), {"content": content}, author=person(77)) | (parts or {})
        data = {"id": self._command(name)["id"], "name": name, "type": 3, "target_id": target["id"],
                "resolved": {"messages": {target["id"]: target}}}  # fmt: skip
        return await self._interact(2, data, user=user, where=where)

    async def press(
        self, label: str, below: Json, *, user: int = 1, permissions: int = MEMBER, roles: Sequence[str] = (),
        guild_id: str = GUILD, shard: int | None = None,
    ) -> Interaction:  # fmt: skip
        """Press a button below a message. The answer is an edit of that message."""
        buttons = [button for row in below["components"] for button in row["components"]]
        button = next(button for button in buttons if button.get("label", "").startswith(label))
        data = {"custom_id": button["custom_id"], "component_type": 2, "id": button.get("id", 1)}
        where = in_server(user, permissions, EVERYTHING, below["channel_id"], roles, guild_id)
        return await self._interact(3, data, user=user, where=where | {"message": below}, shard=shard)

    async def submit(self, form: Interaction, values: Mapping[str, str], where: Json | None = None) -> Interaction:
        """Fill in and submit the modal that `form` was answered with."""
        shown = form.callbacks[0]["data"]
        rows = []
        for row in shown["components"]:
            inputs = row.get("components") or [row["component"]]
            filled = [{"type": 4, "id": control.get("id", 1), "custom_id": control["custom_id"],
                       "value": values[control["custom_id"]]} for control in inputs]  # fmt: skip
            part = {"components": filled} if "components" in row else {"component": filled[0]}
            rows.append({"type": row["type"], "id": row.get("id", 1), **part})
        data = {"custom_id": shown["custom_id"], "components": rows}
        return await self._interact(5, data, user=form.user, where=where)

    async def _interact(self, kind: int, data: Json, *, user: int, age: float = 0, times: int = 1,
                        where: Json | None = None, shard: int | None = None) -> Interaction:  # fmt: skip
        interaction = Interaction(self.snowflake(age), f"interaction-token-canary-{self._serial}", user)
        self.interactions[interaction.token] = interaction
        event = {
            "id": interaction.id, "application_id": self.application["id"], "type": kind, "token": interaction.token,
            "data": data, "version": 1, "locale": "en-US", "entitlements": [], "attachment_size_limit": 26_214_400,
            **(where or in_server(user, MEMBER, EVERYTHING)),
        }  # fmt: skip
        interaction.sent = time.perf_counter()
        for _ in range(times):
            await self.gateway.dispatch("INTERACTION_CREATE", event, shard=shard)
        return interaction

    def _command(self, name: str) -> Json:
        scopes = (self.commands.get(GUILD, []), self.commands[None])
        return next(command for scope in scopes for command in scope if command["name"] == name)
