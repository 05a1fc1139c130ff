"""A server with one channel and two members, and the embeds that they see."""

from dataclasses import dataclass
from typing import Any

import simcord


@dataclass(frozen=True)
class Place:
    env: simcord.Env
    channel: Any
    member: Any
    other: Any

    @classmethod
    def build(cls, env: simcord.Env) -> "Place":
        guild = env.create_guild("Readers")
        channel = guild.create_text_channel("playground")
        member = guild.add_member(env.create_user("ada"))
        other = guild.add_member(env.create_user("bob"))
        return cls(env, channel, member, other)


def embed_of(message: Any) -> dict[str, Any]:
    """Return the only embed as a dict, without the time taken and the keys that Discord adds."""
    (embed,) = message.embeds
    data: dict[str, Any] = embed.to_dict()
    data.pop("flags", None)
    data.pop("type", None)
    data.pop("image", None)  # checked in test_pictures.py
    if "footer" in data:
        model, dtype, took = data["footer"]["text"].rsplit(" · ", 2)
        assert took.endswith((" ms", " s"))
        data["footer"] = f"{model} · {dtype}"
    for field in data.get("fields", []):
        field.pop("inline", None)
    return data
