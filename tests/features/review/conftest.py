"""A server with a channel for reviews, moderators and members, and the bot with review channels switched on."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord

from bot.app.client import Nightword
from bot.engine.model import EngineModel
from bot.features.review.reader import ReviewReader
from bot.settings import Settings
from bot.storage.store import ReviewStore
from tests.conftest import make_executor

GOOD, BAD = "A wonderful, moving film with a great cast.", "A dull, lifeless film that wasted my evening."


@dataclass(frozen=True)
class ReviewPlace:
    env: simcord.Env
    guild: Any
    channel: Any
    elsewhere: Any
    log: Any
    moderator: Any
    second: Any
    member: Any
    other: Any

    @property
    def reader(self) -> ReviewReader:
        assert isinstance(self.env.bot, Nightword)
        reader = self.env.bot.reviews
        assert isinstance(reader, ReviewReader)
        return reader

    @property
    def store(self) -> ReviewStore:
        return self.reader.store

    async def watch(self, **options: Any) -> Any:
        return await self.moderator.slash(self.channel, "review watch", **{"channel": self.channel, **options})

    async def go_live(self, **options: Any) -> None:
        """Watch the channel and make it live."""
        await self.watch(notice=False, **options)
        result = await self.moderator.slash(self.channel, "review live", channel=self.channel)
        assert result.response.embeds[0].title == "Live"

    async def start_flagging(self, **options: Any) -> None:
        """Make the channel live, with cards in the log channel."""
        await self.go_live(**{"flag_below": 0.5, "urgent_below": 0.0, "log_channel": self.log, **options})

    @property
    def cards(self) -> list[discord.Message]:
        with_embeds = (message for message in self.log.history() if message.embeds)
        return [message for message in with_embeds if "Case" in (message.embeds[0].title or "")]


def description(result: Any) -> str:
    text: str = result.response.embeds[0].description
    return text


def field(message: discord.Message, name: str) -> str:
    return str(next(embed_field.value for embed_field in message.embeds[0].fields if embed_field.name == name))


def message_ids(channel: Any) -> list[int]:
    return [message.id for message in channel.history()]


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
    hidden: dict[Any, discord.PermissionOverwrite] = {
        guild.default_role: discord.PermissionOverwrite(view_channel=False),
        role: discord.PermissionOverwrite(view_channel=True),
    }
    if guild.me is not None:
        own = guild.roles[guild.me.top_role.name]
        hidden[own] = discord.PermissionOverwrite(view_channel=True)
    log = guild.create_text_channel("moderators-log", overwrites=hidden)
    moderator, second = (guild.add_member(simcord_env.create_user(name), roles=[role]) for name in ("morgan", "mika"))
    member, other = (guild.add_member(simcord_env.create_user(name)) for name in ("ada", "bob"))
    return ReviewPlace(simcord_env, guild, channel, elsewhere, log, moderator, second, member, other)


async def restart(place: ReviewPlace, model: EngineModel, settings: Settings) -> Nightword:
    bot = Nightword(settings, make_executor(lambda: model, settings))
    bot.executor.start()
    bot.executor.wait_until_loaded()
    await place.env.restart_bot(bot)
    return bot


OPENINGS = ("The acting was", "I found the story", "The music is", "This film was", "The last hour was")
WORDS = ("wonderful", "dull", "moving", "boring", "fine", "awful", "charming", "too long", "great", "a waste of time")


def reviews(count: int) -> list[str]:
    choose = random.Random(7)
    return [
        f"{choose.choice(OPENINGS)} {choose.choice(WORDS)} and {choose.choice(WORDS)}, number {number}."
        for number in range(count)
    ]
