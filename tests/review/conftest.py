"""A server with a channel for reviews, a moderator and two members, and the bot with review channels switched on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord

from bot.client import Nightword
from bot.review.reader import ReviewReader
from bot.settings import Settings
from bot.storage.review_store import ReviewStore


@dataclass(frozen=True)
class ReviewPlace:
    env: simcord.Env
    channel: Any
    elsewhere: Any
    moderator: Any
    member: Any
    other: Any

    @property
    def store(self) -> ReviewStore:
        assert isinstance(self.env.bot, Nightword)
        reader = self.env.bot.get_cog("ReviewReader")
        assert isinstance(reader, ReviewReader)
        return reader.store

    async def watch(self, **options: Any) -> Any:
        return await self.moderator.slash(self.channel, "review watch", channel=self.channel, **options)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    url = f"sqlite+aiosqlite:///{tmp_path}/nightword.db"
    return Settings.model_validate({"model": "demo", "reviews": True, "database_url": url})


@pytest.fixture
async def place(simcord_env: simcord.Env) -> ReviewPlace:
    assert isinstance(simcord_env.bot, Nightword)
    simcord_env.bot.executor.wait_until_loaded()
    guild = simcord_env.create_guild("Readers")
    channel, elsewhere = guild.create_text_channel("film-reviews"), guild.create_text_channel("lobby")
    role = guild.create_role("moderators", permissions=discord.Permissions(manage_messages=True))
    moderator = guild.add_member(simcord_env.create_user("mod"), roles=[role])
    member, other = (guild.add_member(simcord_env.create_user(name)) for name in ("ada", "bob"))
    return ReviewPlace(simcord_env, channel, elsewhere, moderator, member, other)
