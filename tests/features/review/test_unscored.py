"""What fails for one message costs that message alone, and what is away costs none."""

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
from tests.features.review.conftest import GOOD, ReviewPlace, description, field, restarted

MESSAGES = 300
BAD_ONE = "The one that fails, Tr0ub4dor."
MINUTES = (1, 10, 60)


class PanicException(BaseException):
    """As pyo3 raises it for a panic in Rust, which is what the tokenizers library is written in."""


@pytest.fixture
def sentiment(demo_model: EngineModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Let the model answer BAD_ONE, or every text, in another way."""
    judge = demo_model.answer

    def install(bad: Callable[[Sentiment], Sentiment], is_bad: Callable[[str], bool] = BAD_ONE.__eq__) -> None:
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


async def waiting(place: ReviewPlace, bad: int | None = 150, count: int = MESSAGES) -> list[discord.Message]:
    """Post reviews while the model is loading; the one at `bad` is BAD_ONE."""
    await place.watch(notice=False)
    with pytest.MonkeyPatch.context() as patched:

        def loading(*_: object) -> None:
            raise ModelLoading("demo")

        patched.setattr(ModelExecutor, "submit_background", loading)
        texts = [BAD_ONE if number == bad else f"{GOOD} {number}" for number in range(count)]
        return [await place.member.send(place.channel, text) for text in texts]


async def refuse(place: ReviewPlace, message_id: int) -> None:
    """Let the database refuse this message's score."""
    when = f"WHEN (NEW.message_id = {message_id})"
    statements = [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$",
        f"CREATE TRIGGER refusing BEFORE INSERT ON score FOR EACH ROW {when} EXECUTE FUNCTION refuse()",
    ]
    if sqlite_file(place.reader._database._url):
        refusal = "SELECT RAISE(ABORT, 'refused')"
        statements = [f"CREATE TRIGGER refusing BEFORE INSERT ON score {when} BEGIN {refusal}; END"]
    await execute(place, *statements)


async def put_right(place: ReviewPlace) -> None:
    on = "" if sqlite_file(place.reader._database._url) else " ON score"
    await execute(place, f"DROP TRIGGER IF EXISTS refusing{on}")


async def execute(place: ReviewPlace, *statements: str) -> None:
    async with place.reader._database.session() as session:
        for statement in statements:
            await session.execute(text(statement))


async def scored(place: ReviewPlace) -> set[int]:
    return {one.message_id for one in await place.store.scores.latest(place.channel.id)}


async def status(place: ReviewPlace, moderator: Any = None) -> Any:
    result = await (moderator or place.moderator).slash(place.channel, "review status")
    return result.response


async def tried_to_the_end(place: ReviewPlace) -> None:
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
async def test_of_300_messages_the_one_that_fails_is_listed_and_tried_again(
    place: ReviewPlace, sentiment: Callable[..., None], fault: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    messages = await waiting(place)
    bad = messages[150].id
    if fault == "refused":
        await refuse(place, bad)
    else:
        sentiment(not_finite if fault == "not finite" else panic)
    await place.env.advance_time(30)
    others = {one.id for one in messages} - {bad}
    assert await scored(place) == others
    later = await place.member.send(place.channel, GOOD)
    assert await scored(place) == others | {later.id}
    await tried_to_the_end(place)
    assert "Tr0ub4dor" not in caplog.text
    answer = await status(place)
    listed = field(answer, "Could not be scored (1)")
    assert listed.startswith(reason)
    assert f"https://discord.com/channels/{place.guild.id}/{place.channel.id}/{bad}" in listed
    assert field(answer, "Waiting for a score") == "0"


async def test_a_message_whose_channel_is_gone_is_forgotten_and_stops_nobody(place: ReviewPlace) -> None:
    messages = await waiting(place, bad=None, count=MESSAGES - 1)
    where = (place.channel.id, place.guild.id, place.member.id, messages[0].created_at, "whatever it said")
    assert await place.store.messages.record(messages[0].id - 1, *where, channel_id=messages[0].id - 2)
    await place.env.advance_time(30)
    assert await scored(place) == {one.id for one in messages}
    assert await place.store.messages.pending_count(place.guild.id) == 0
    assert "Could not be scored" not in str((await status(place)).embeds[0].to_dict())


@pytest.mark.parametrize("settings", ["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.slow)], indirect=True)
async def test_while_the_database_is_away_no_message_uses_up_its_tries(
    place: ReviewPlace, sentiment: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = await waiting(place)
    bad = messages[150].id
    sentiment(not_finite)
    score_all, calls = place.store.scores.record, 0
    away = Away(place)

    async def third_time_away(*about: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 3:
            await away.begin()
        return await score_all(*about)

    monkeypatch.setattr(place.store.scores, "record", third_time_away)
    await place.env.advance_time(30)
    assert away.has_begun
    await place.env.advance_time(60)
    await away.end()
    assert 0 < len(await scored(place)) < MESSAGES - 1
    await place.env.advance_time(60)
    assert await scored(place) == {one.id for one in messages} - {bad}
    rows = {row.message_id: row.tries for row in await place.store.privacy.messages_of(place.member.id)}
    assert {message_id for message_id, tries in rows.items() if tries} == {bad}
    assert rows[bad] <= 2
    for minutes in MINUTES:
        await place.env.advance_time(minutes * 60 + 30)
    assert str(bad) in field(await status(place), "Could not be scored (1)")


async def test_while_the_model_fails_on_every_text_no_message_uses_up_its_tries(
    place: ReviewPlace, sentiment: Callable[..., None]
) -> None:
    def out_of_memory(_: Sentiment) -> Sentiment:
        raise RuntimeError("CUDA error: out of memory")

    messages = await waiting(place, bad=None, count=10)
    sentiment(out_of_memory, lambda _: True)
    for _ in range(3):  # each would be a try
        await place.env.advance_time(60)
    assert {row.tries for row in await place.store.privacy.messages_of(place.member.id)} == {0}
    sentiment(out_of_memory, lambda _: False)
    await place.env.advance_time(30)
    assert await scored(place) == {one.id for one in messages}


class Away:
    """The database of a place, which goes away and comes back."""

    def __init__(self, place: ReviewPlace) -> None:
        self._database = place.reader._database
        self._patched = pytest.MonkeyPatch()
        self.has_begun = False

    async def begin(self) -> None:
        self.has_begun = True
        if sqlite_file(self._database._url) is None:
            name = self._database._url.rpartition("/")[2]
            await administer(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            theirs = f"datname = '{name}'"
            await administer(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {theirs}")  # noqa: S608 – our own name
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


async def test_a_message_that_the_database_cannot_take_leaves_nothing_behind(
    place: ReviewPlace, caplog: pytest.LogCaptureFixture
) -> None:
    await place.watch(notice=False)
    await execute(place, "CREATE TRIGGER refusing BEFORE INSERT ON message WHEN (SELECT count(*) FROM message) = 1 "
                  "AND NOT EXISTS (SELECT * FROM opt_out) BEGIN SELECT RAISE(ABORT, 'refused'); END")  # fmt: skip
    first, refused = [await place.member.send(place.channel, text) for text in (GOOD, BAD_ONE)]
    assert f"could not record message {refused.id}: IntegrityError" in caplog.text
    assert place.reader.intake.behind == set()
    await execute(place, "DROP TRIGGER refusing")
    later = await place.member.send(place.channel, GOOD)
    assert await scored(place) == {first.id, later.id}
    place.reader._note_absence()
    await execute(place, f"CREATE TRIGGER refusing BEFORE INSERT ON message WHEN (NEW.message_id = {refused.id}) "
                  "BEGIN SELECT RAISE(ABORT, 'refused'); END")  # fmt: skip
    await place.env.advance_time(60)
    assert place.reader.intake.behind == set()


async def test_only_moderators_of_a_place_see_and_try_again_what_failed_there(
    place: ReviewPlace, sentiment: Callable[..., None], demo_model: EngineModel
) -> None:
    sentiment(not_finite)
    denied = {place.second: discord.PermissionOverwrite(manage_messages=False)}
    other = place.guild.create_text_channel("news", overwrites=denied)
    for channel in (place.channel, other):
        await place.moderator.slash(place.channel, "review watch", channel=channel, notice=False)
        await place.member.send(channel, BAD_ONE)
    for minutes in MINUTES:
        await place.env.advance_time(minutes * 60 + 30)
    assert field(await status(place), "Could not be scored (2)").count("discord.com") == 2
    answer = await status(place, place.second)
    assert field(answer, "Could not be scored (1)").count("discord.com") == 1
    bot = await restarted(place, demo_model, place.env.bot.settings)  # type: ignore[attr-defined]  # Nightword's
    await place.second.click(answer, label="Try again")
    rows = {row.place_id: row.tries for row in await place.store.privacy.messages_of(place.member.id)}
    assert rows == {place.channel.id: 1, other.id: 4}
    await bot.close()


async def test_a_label_that_keeps_failing_stops_no_other(place: ReviewPlace) -> None:
    await place.live(label="reply")
    with pytest.MonkeyPatch.context() as patched:
        show = place.reader.publisher._labels.show

        async def shown(due: Any, kind: Any) -> Any:
            if due.message_id in failing:
                raise LookupError(due.message_id)
            return await show(due, kind)

        patched.setattr(place.reader.publisher._labels, "show", shown)
        failing = range(2**64)  # every one
        first = [await place.member.send(place.channel, f"{GOOD} {number}") for number in range(40)]
        failing = {one.id for one in first}  # type: ignore[assignment]  # as a container
        last = await place.member.send(place.channel, GOOD)
        await place.env.advance_time(90)
        assert [one.reference.message_id for one in place.channel.history() if one.reference] == [last.id]
    await place.env.advance_time(90)
    assert len([one for one in place.channel.history() if one.reference]) == 41


async def test_a_threshold_of_0_is_previewed_as_0(place: ReviewPlace) -> None:
    await place.watch(notice=False, flag_below=0.5, log_channel=place.log)
    await place.member.send(place.channel, GOOD)
    result = await place.moderator.slash(place.channel, "review preview", channel=place.channel, flag_below=0.0)
    assert "With `flag_below:0` you would" in description(result)


@pytest.mark.parametrize("status_code", [403, 503])
async def test_a_message_that_discord_hides_stops_no_other(
    place: ReviewPlace, demo_model: EngineModel, status_code: int
) -> None:
    messages = await waiting(place, bad=None, count=70)
    hidden = messages[3].id
    path = f"/channels/{place.channel.id}/messages/{hidden}"
    place.env.inject_error("GET", path, status=status_code, code=50013, times=None)
    bot = await restarted(place, demo_model, place.env.bot.settings)  # type: ignore[attr-defined]  # Nightword's
    await place.env.advance_time(30)
    assert await scored(place) == {one.id for one in messages} - {hidden}
    for minutes in MINUTES:
        await place.env.advance_time(minutes * 60 + 30)
    tries = {row.message_id: row.tries for row in await place.store.privacy.messages_of(place.member.id)}
    assert tries[hidden] == (4 if status_code == 403 else 0), "Discord's own failure is none of the message's"
    listed = str((await status(place)).embeds[0].to_dict())
    assert ("Give it View Channel and Read Message History" in listed) == (status_code == 403)
    await bot.close()
