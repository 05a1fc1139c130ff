"""A server with a channel for reviews, moderators and members, and the bot with review channels switched on."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord

from bot.app.client import Nightword
from bot.decisions.gate import decision_of, fingerprint, summary_text
from bot.decisions.summary import MeasurementSummary, Share
from bot.engine.model import EngineModel
from bot.features.review.reader import ReviewReader
from bot.questions.decision import DecisionQuestion, DecisionReading, LabelScore
from bot.settings import Settings
from bot.storage.question_records import Measurement, NewMeasurement, PlaceQuestion
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

    async def define(self, name: str = "spam", **fields: str) -> Any:
        """Define a question in the form, as someone who moderates the whole server."""
        shown = await self.moderator.slash(self.channel, "review question define", name=name)
        template = {"question": "Message: {text}\nSpam:", "labels": "yes\nno", "examples": ""}
        return await self.moderator.submit_modal(shown, template | fields)

    async def ask(self, name: str = "spam", **options: Any) -> Any:
        """Ask a defined question in the watched channel."""
        given = {"question": name, "flag_label": "yes", "threshold": 0.8, "log_channel": self.log, "notice": False}
        return await self.watch(**given | options)

    async def question(self, name: str = "spam") -> PlaceQuestion:
        questions = await self.store.place_questions.in_place(self.channel.id)
        return next(question for question in questions if question.name == name)

    async def measure(
        self, name: str = "spam", *, held_out: int = 50, flagging: int = 12, confirmed: bool = True
    ) -> Measurement:
        """Record a measurement of a question as it is now, with its report shown, and confirm it."""
        question = await self.question(name)
        model = self.reader.executor.status.model
        assert model is not None
        share = Share(41, 50, 0.6920, 0.9023)
        summary = MeasurementSummary(
            held_out, flagging, question.rule.threshold, share, share, share, Share(12, 50, 0.14, 0.37), auc=0.9
        )
        current = fingerprint(decision_of(question.definition), question.rule, model)
        new = NewMeasurement(
            question.id, question.rule, current, model.short_name, summary_text(summary), held_out, flagging, ()
        )
        measurement = await self.store.measurements.record(new, self.moderator.id)
        assert measurement is not None
        await self.store.measurements.mark_reported(measurement.id)
        if confirmed:
            await self.store.measurements.confirm(measurement.id, self.moderator.id)
        return measurement

    async def go_live_with(self, name: str = "spam", **options: Any) -> None:
        """Define a question, ask it, and let it alert after a measurement."""
        if await self.store.places.get(self.channel.id) is None:
            await self.watch(notice=False)
        await self.define(name)
        await self.ask(name, **options)
        await self.measure(name)
        result = await self.moderator.slash(self.channel, "review live", channel=self.channel, question=name)
        assert result.response.embeds[0].title == "Live"

    @property
    def cards(self) -> list[discord.Message]:
        with_embeds = (message for message in self.log.history() if message.embeds)
        return [message for message in with_embeds if "Case" in (message.embeds[0].title or "")]


@pytest.fixture
def answering(demo_model: EngineModel, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that changes how the model answers places' own questions: a text's P(first label)."""
    answer_all = demo_model.answer

    def install(probability_of: Callable[[str], float], label_mass: float = 0.5) -> None:
        def answer(question: Any, watcher: Any = None) -> Any:
            if not isinstance(question, DecisionQuestion):
                return answer_all(question, watcher)
            return reading(question, probability_of(question.text), label_mass)

        monkeypatch.setattr(demo_model, "answer", answer)

    return install


def reading(question: DecisionQuestion, probability: float, label_mass: float) -> DecisionReading:
    first, *others = question.decision.labels
    shares = [probability, *((1 - probability) / len(others) for _ in others)]
    labels = [
        LabelScore(label, (number,), None, math.log(max(share, 1e-9) * label_mass), share)
        for number, (label, share) in enumerate(zip((first, *others), shares, strict=True))
    ]
    return DecisionReading("prompt", (1,), tuple(labels), label_mass)


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
