"""A failure that concerns one message affects only that message, and an outage affects none."""

import dataclasses
import math
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import discord
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from bot.engine.executor import ModelExecutor
from bot.engine.model import EngineModel
from bot.errors import ModelLoading
from bot.questions.sentiment import Sentiment
from bot.settings import Settings
from bot.storage.database_url import sqlite_file
from tests.conftest import administer
from tests.features.review.conftest import GOOD, ReviewPlace, description, field, restart

MESSAGES = 300
BAD_TEXT = "The text that fails, Tr0ub4dor."
MINUTES = (1, 10, 60)


class PanicException(BaseException):
    """The error that pyo3 raises for a panic in Rust, the language of the tokenizers library."""


@pytest.fixture
def sentiment(demo_model: EngineModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return a function that changes the model's answer for BAD_TEXT, or for other texts."""
    judge = demo_model.answer

    def install(bad: Callable[[Sentiment], Sentiment], is_bad: Callable[[str], bool] = BAD_TEXT.__eq__) -> None:
        def answer(question: Any, watcher: Any = None) -> Any:
            result = judge(question, watcher)
            return bad(result) if isinstance(result, Sentiment) and is_bad(result.review) else result

        monkeypatch.setattr(demo_model, "answer", answer)

    yield install
    monkeypatch.setattr(demo_model, "answer", judge)


def not_finite(verdict: Sentiment) -> Sentiment:
    return dataclasses.replace(verdict, positive_logit=math.inf, positive_probability=math.nan, label_mass=math.nan)


def panic(verdict: Sentiment) -> Sentiment:
    raise PanicException(f"byte index 7 is not a char boundary of {verdict.review}")


async def post_while_loading(place: ReviewPlace, bad: int | None = 150, count: int = MESSAGES) -> list[discord.Message]:
    """Post reviews while the model is loading; the text of number `bad` is BAD_TEXT."""
    await place.watch(notice=False)
    with pytest.MonkeyPatch.context() as patched:

        def loading(*_: object) -> None:
            raise ModelLoading("demo")

        patched.setattr(ModelExecutor, "submit_background", loading)
        texts = [BAD_TEXT if number == bad else f"{GOOD} {number}" for number in range(count)]
        return [await place.member.send(place.channel, text) for text in texts]


async def refuse_score(place: ReviewPlace, message_id: int) -> None:
    """Make the database refuse this message's score."""
    when = f"WHEN (NEW.message_id = {message_id})"
    statements = [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$",
        f"CREATE TRIGGER refusing BEFORE INSERT ON score FOR EACH ROW {when} EXECUTE FUNCTION refuse()",
    ]
    if sqlite_file(place.reader._database._url):
        refusal = "SELECT RAISE(ABORT, 'refused')"
        statements = [f"CREATE TRIGGER refusing BEFORE INSERT ON score {when} BEGIN {refusal}; END"]
    await execute(place, *statements)


async def execute(place: ReviewPlace, *statements: str) -> None:
    async with place.reader._database.session() as session:
        for statement in statements:
            await session.execute(text(statement))


async def scored_ids(place: ReviewPlace) -> set[int]:
    return {message.message_id for message in await place.store.scores.latest(place.channel.id)}


async def status(place: ReviewPlace, moderator: Any = None) -> Any:
    result = await (moderator or place.moderator).slash(place.channel, "review status")
    return result.response


async def use_up_retries(place: ReviewPlace) -> None:
    for minutes in MINUTES:
        assert "Could not be scored" not in str((await status(place)).embeds[0].to_dict())
        await place.env.advance_time(minutes * 60 + 30)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("not finite", "**The model's numbers are not finite, in float32.** Its weights may be damaged"),
        ("panic", "**The model or its tokenizer failed on this text.**"),
        ("refused", "**The database refused the score.**"),
    ],
)
@pytest.mark.parametrize("settings", ["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.slow)], indirect=True)
@pytest.mark.slow
async def test_of_300_messages_only_the_failing_one_is_listed_and_retried(
    place: ReviewPlace, sentiment: Callable[..., None], fault: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    messages = await post_while_loading(place)
    bad = messages[150].id
    if fault == "refused":
        await refuse_score(place, bad)
    else:
        sentiment(not_finite if fault == "not finite" else panic)
    await place.env.advance_time(30)
    others = {message.id for message in messages} - {bad}
    assert await scored_ids(place) == others
    later = await place.member.send(place.channel, GOOD)
    assert await scored_ids(place) == others | {later.id}
    await use_up_retries(place)
    assert "Tr0ub4dor" not in caplog.text
    answer = await status(place)
    listed = field(answer, "Could not be scored (1)")
    assert listed.startswith(reason)
    assert f"https://discord.com/channels/{place.guild.id}/{place.channel.id}/{bad}" in listed
    assert field(answer, "Waiting for a score") == "0"


async def test_a_message_in_a_deleted_channel_is_deleted_and_blocks_no_other(place: ReviewPlace) -> None:
    messages = await post_while_loading(place, bad=None, count=MESSAGES - 1)
    content = (place.channel.id, place.guild.id, place.member.id, messages[0].created_at, "any text")
    assert await place.store.messages.record(messages[0].id - 1, *content, channel_id=messages[0].id - 2)
    await place.env.advance_time(30)
    assert await scored_ids(place) == {message.id for message in messages}
    assert await place.store.messages.pending_count(place.guild.id) == 0
    assert "Could not be scored" not in str((await status(place)).embeds[0].to_dict())


@pytest.mark.slow
@pytest.mark.parametrize("settings", ["SQLite", "PostgreSQL"], indirect=True)
async def test_an_outage_of_the_database_uses_up_no_retries(
    place: ReviewPlace, sentiment: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = await post_while_loading(place)
    bad = messages[150].id
    sentiment(not_finite)
    record, calls = place.store.scores.record, 0
    outage = Outage(place)

    async def fail_third_time(*args: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 3:
            await outage.begin()
        return await record(*args)

    monkeypatch.setattr(place.store.scores, "record", fail_third_time)
    await place.env.advance_time(30)
    assert outage.has_begun
    await place.env.advance_time(60)
    await outage.end()
    assert 0 < len(await scored_ids(place)) < MESSAGES - 1
    await place.env.advance_time(60)
    assert await scored_ids(place) == {message.id for message in messages} - {bad}
    rows = {row.message_id: row.tries for row in await place.store.privacy.messages_of(place.member.id)}
    assert {message_id for message_id, tries in rows.items() if tries} == {bad}
    assert rows[bad] <= 2
    for minutes in MINUTES:
        await place.env.advance_time(minutes * 60 + 30)
    assert str(bad) in field(await status(place), "Could not be scored (1)")


async def test_a_model_that_fails_on_every_text_uses_up_no_retries(
    place: ReviewPlace, sentiment: Callable[..., None]
) -> None:
    def out_of_memory(_: Sentiment) -> Sentiment:
        raise RuntimeError("CUDA error: out of memory")

    messages = await post_while_loading(place, bad=None, count=10)
    sentiment(out_of_memory, lambda _: True)
    for _ in range(3):  # each would use up a try
        await place.env.advance_time(60)
    assert {row.tries for row in await place.store.privacy.messages_of(place.member.id)} == {0}
    sentiment(out_of_memory, lambda _: False)
    await place.env.advance_time(30)
    assert await scored_ids(place) == {message.id for message in messages}


class Outage:
    """An outage of the database."""

    def __init__(self, place: ReviewPlace) -> None:
        self._database = place.reader._database
        self._patched = pytest.MonkeyPatch()
        self.has_begun = False

    async def begin(self) -> None:
        self.has_begun = True
        if sqlite_file(self._database._url) is None:
            name = self._database._url.rpartition("/")[2]
            await administer(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            condition = f"datname = '{name}'"
            await administer(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {condition}")  # noqa: S608 – our own name
            return

        def full() -> None:
            raise OperationalError("BEGIN IMMEDIATE", {}, Exception("database or disk is full"))

        self._patched.setattr(self._database, "session", full)

    async def end(self) -> None:
        self._patched.undo()
        if sqlite_file(self._database._url) is None:
            await administer(f"ALTER DATABASE {self._database._url.rpartition('/')[2]} ALLOW_CONNECTIONS true")


@pytest.fixture
async def settings(request: pytest.FixtureRequest, sqlite_url: str) -> Any:
    kind = getattr(request, "param", "SQLite")
    if kind == "SQLite":
        yield Settings.model_validate({"model": "demo", "reviews": True, "database_url": sqlite_url})
        return
    name = f"nightword_test_{secrets.token_hex(6)}"
    await administer(f"CREATE DATABASE {name}")
    url = f"postgresql://postgres@127.0.0.1:5432/{name}"
    yield Settings.model_validate({"model": "demo", "reviews": True, "database_url": url})
    await administer(f"DROP DATABASE {name} WITH (FORCE)")


async def test_a_message_that_the_database_refuses_leaves_no_place_behind(
    place: ReviewPlace, caplog: pytest.LogCaptureFixture
) -> None:
    await place.watch(notice=False)
    await execute(place, "CREATE TRIGGER refusing BEFORE INSERT ON message WHEN (SELECT count(*) FROM message) = 1 "
                  "AND NOT EXISTS (SELECT * FROM opt_out) BEGIN SELECT RAISE(ABORT, 'refused'); END")  # fmt: skip
    first, refused = [await place.member.send(place.channel, text) for text in (GOOD, BAD_TEXT)]
    assert f"could not record message {refused.id}: IntegrityError" in caplog.text
    assert place.reader.intake.behind == set()
    await execute(place, "DROP TRIGGER refusing")
    later = await place.member.send(place.channel, GOOD)
    assert await scored_ids(place) == {first.id, later.id}
    await place.reader.on_shard_connect(0)
    await execute(place, f"CREATE TRIGGER refusing BEFORE INSERT ON message WHEN (NEW.message_id = {refused.id}) "
                  "BEGIN SELECT RAISE(ABORT, 'refused'); END")  # fmt: skip
    await place.env.advance_time(60)
    assert place.reader.intake.behind == set()


async def test_only_moderators_of_a_place_see_and_retry_its_failed_messages(
    place: ReviewPlace, sentiment: Callable[..., None], demo_model: EngineModel
) -> None:
    sentiment(not_finite)
    denied = {place.second: discord.PermissionOverwrite(manage_messages=False)}
    other = place.guild.create_text_channel("news", overwrites=denied)
    for channel in (place.channel, other):
        await place.moderator.slash(place.channel, "review watch", channel=channel, notice=False)
        await place.member.send(channel, BAD_TEXT)
    for minutes in MINUTES:
        await place.env.advance_time(minutes * 60 + 30)
    assert field(await status(place), "Could not be scored (2)").count("discord.com") == 2
    answer = await status(place, place.second)
    assert field(answer, "Could not be scored (1)").count("discord.com") == 1
    bot = await restart(place, demo_model, place.env.bot.settings)  # type: ignore[attr-defined]  # Nightword's
    await place.second.click(answer, label="Try again")
    rows = {row.place_id: row.tries for row in await place.store.privacy.messages_of(place.member.id)}
    assert rows == {place.channel.id: 1, other.id: 4}
    await bot.close()


async def test_a_label_that_keeps_failing_blocks_no_other(place: ReviewPlace) -> None:
    await place.go_live(label="reply")
    with pytest.MonkeyPatch.context() as patched:
        show = place.reader.publisher._labels.show

        async def show_or_fail(due: Any, kind: Any) -> Any:
            if due.message_id in failing:
                raise LookupError(due.message_id)
            return await show(due, kind)

        patched.setattr(place.reader.publisher._labels, "show", show_or_fail)
        failing = range(2**64)  # every message
        first = [await place.member.send(place.channel, f"{GOOD} {number}") for number in range(40)]
        failing = {message.id for message in first}  # type: ignore[assignment]  # as a container
        last = await place.member.send(place.channel, GOOD)
        await place.env.advance_time(90)
        assert [message.reference.message_id for message in place.channel.history() if message.reference] == [last.id]
    await place.env.advance_time(90)
    assert len([message for message in place.channel.history() if message.reference]) == 41


async def test_a_threshold_of_0_is_previewed_as_0(place: ReviewPlace) -> None:
    await place.watch(notice=False, flag_below=0.5, log_channel=place.log)
    await place.member.send(place.channel, GOOD)
    result = await place.moderator.slash(place.channel, "review preview", channel=place.channel, flag_below=0.0)
    assert "With `flag_below:0` you would" in description(result)


@pytest.mark.parametrize("status_code", [403, 503])
async def test_a_message_that_discord_hides_blocks_no_other(
    place: ReviewPlace, demo_model: EngineModel, status_code: int
) -> None:
    messages = await post_while_loading(place, bad=None, count=70)
    hidden = messages[3].id
    path = f"/channels/{place.channel.id}/messages/{hidden}"
    place.env.inject_error("GET", path, status=status_code, code=50013, times=None)
    bot = await restart(place, demo_model, place.env.bot.settings)  # type: ignore[attr-defined]  # Nightword's
    await place.env.advance_time(30)
    assert await scored_ids(place) == {message.id for message in messages} - {hidden}
    for minutes in MINUTES:
        await place.env.advance_time(minutes * 60 + 30)
    tries = {row.message_id: row.tries for row in await place.store.privacy.messages_of(place.member.id)}
    assert tries[hidden] == (4 if status_code == 403 else 0), "an outage of Discord uses up no retries"
    listed = str((await status(place)).embeds[0].to_dict())
    assert ("Give it View Channel and Read Message History" in listed) == (status_code == 403)
    await bot.close()
