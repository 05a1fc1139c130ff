"""Three processes with six shards and one PostgreSQL: each thing is done once, by whichever process it belongs to."""

import random
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ColumnElement, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from bot.engine.model import EngineModel
from bot.questions.sentiment import SentimentQuestion
from bot.storage.database import Database
from bot.storage.tables import Message, ReviewCase, Score
from tests.features.review.conftest import BAD
from tests.features.review.conftest import reviews as written
from tests.wire.discord_peer import Discord, discord_on_loopback
from tests.wire.network import (
    SERVERS,
    SHARDS,
    SPLIT,
    Fleet,
    digests,
    prepare_network,
    processes,
    settings_of,
    until_connected,
    watch_all,
)
from tests.wire.objects import APPLICATION, Json, outside
from tests.wire.review_server import edit_review, store_of
from tests.wire.running import (
    PROMPT,
    only_line,
    patiently,
    started,
    until,
    wait_for_answer,
    wait_for_end,
    wait_for_final_answer,
)

pytestmark = pytest.mark.parametrize("url", ["PostgreSQL"], indirect=True)

REMOVED = str(int(SERVERS[3].id) + (SHARDS << 22))  # a server on shard 3 that removed the bot
COMMANDS = f"GET /applications/{APPLICATION}/commands"
FLAG_BELOW = 0.3
KILLS = 12
ENDING = "A wonderful film, and I loved every minute of it."
PRESENT = (Message.message_id == Score.message_id) & (Message.content_hash == Score.content_hash)
WINDOW = 5.0  # seconds in which Discord accepts one IDENTIFY of each bucket


async def make_digests_due(url: str) -> None:
    async with store_of(url) as store:
        for place in await store.places.all():
            week_ago = datetime.now(UTC) - timedelta(days=8)
            assert await store.places.set_digest_at(place.place_id, place.digest_at, week_ago)


async def test_what_a_bot_does_once_is_done_once_by_processes_that_start_at_the_same_time(
    tmp_path: Path, url: str
) -> None:
    """Migrations, commands, digests, the data of a removed server; and IDENTIFYs at their pace."""

    def prepare(discord: Discord) -> None:
        prepare_network(discord)
        discord.gateway.max_concurrency = 2

    async with discord_on_loopback(prepare) as (discord, port):
        async with processes(port, tmp_path, url) as bots:  # on an empty database
            await until_connected(discord)
            await end(bots)
        # Only one process looked whether the commands changed, and registered them.
        assert (discord.count(COMMANDS), discord.count("PUT /applications")) == (1, 1)
        assert [identify.shard for identify in sorted(discord.gateway.identifies, key=lambda it: it.shard)] == list(
            range(SHARDS)
        )
        for bucket in range(2):
            times = sorted(it.at for it in discord.gateway.identifies if it.shard % 2 == bucket)
            pauses = [later - earlier for earlier, later in pairwise(times)]
            assert min(pauses) >= WINDOW

        await watch_all(url, discord, flag_below=0.5)
        async with store_of(url) as store:
            await store.privacy.exempt(int(REMOVED), "user", 5)
        await make_digests_due(url)
        discord.gateway.max_concurrency = SHARDS
        discord.gateway.sessions.clear()
        async with processes(port, tmp_path, url) as bots:
            await until_connected(discord)
            await until(lambda: discord.count(f"GET /guilds/{REMOVED}") and len(digests(discord)) == SHARDS)
            async with store_of(url) as store:
                async for _ in patiently():
                    if int(REMOVED) not in await store.places.guild_ids():
                        break
            await end(bots)
        assert (discord.count(COMMANDS), discord.count("PUT /applications")) == (2, 1)
        assert digests(discord) == sorted(server.log for server in SERVERS)
        assert discord.count("GET /guilds/") == 1  # no process took another's servers for removed
        async with store_of(url) as store:
            assert {place.guild_id for place in await store.places.all()} == {int(server.id) for server in SERVERS}


async def end(bots: list[Any]) -> None:
    """End all processes cleanly."""
    for process in bots:
        process.send_signal(signal.SIGTERM)
    for process in bots:
        code, _, err = await wait_for_end(process)
        assert (code, "Traceback" in err) == (0, False), err


async def test_200_interactions_at_once_are_each_answered_once(tmp_path: Path, url: str) -> None:
    titles = {"topk": "Next token", "tokenize": "tokens", "continue": "Continuation"}
    options: dict[str, dict[str, Any]] = {
        "topk": {"prompt": PROMPT},
        "tokenize": {"text": PROMPT},
        "continue": {"prompt": PROMPT},
    }
    async with (
        discord_on_loopback(prepare_network) as (discord, port),
        processes(port, tmp_path, url, BOT_QUEUE_LIMIT="200") as bots,
    ):
        await until_connected(discord)
        everyone = []
        for user in range(200):
            name = list(titles)[user % len(titles)]
            server = SERVERS[user % SHARDS] if user % 10 else None  # some in direct messages
            where = outside(user, 1) if server is None else server.where(user)
            everyone.append((name, await discord.slash(name, user=user, where=where, **options[name])))
        for name, interaction in everyone:
            await wait_for_final_answer(interaction)
            assert (len(interaction.callbacks), interaction.titles) == (1, [titles[name]])
        # A button works in whichever process gets it: here in one that did not answer the command.
        for shard in range(SHARDS):
            asked = await wait_for_answer(
                await discord.slash("topk", user=1, prompt=PROMPT, where=SERVERS[shard].where(1))
            )
            assert asked.original is not None
            below = asked.original | {"channel_id": SERVERS[shard].channel}
            other = (shard + 2) % SHARDS
            pressed = await wait_for_answer(
                await discord.press("Details", below, user=1, guild_id=SERVERS[shard].id, shard=other)
            )
            assert pressed.titles != ["Expired"]
            assert pressed.private
        await end(bots)


async def test_a_resumed_session_waits_for_no_turn(tmp_path: Path, url: str) -> None:
    async with discord_on_loopback(prepare_network) as (discord, port), processes(port, tmp_path, url):
        await until_connected(discord)
        engine = create_async_engine(url)
        async with engine.connect() as others:
            for bucket in range(SHARDS):
                await others.execute(text("SELECT pg_advisory_lock(79, :bucket)"), {"bucket": bucket})
            identified = discord.gateway.identified
            await discord.gateway.drop(3)
            missed = await discord.slash("topk", prompt=PROMPT, where=SERVERS[3].where(1))
            assert (await wait_for_answer(missed)).titles == ["Next token"]
            assert (discord.gateway.resumes, discord.gateway.identified) == ([3], identified)
        await engine.dispose()


async def test_a_process_that_gets_no_turn_or_no_shard_ends_and_says_why(tmp_path: Path, url: str) -> None:
    engine = create_async_engine(url)
    async with engine.connect() as others, discord_on_loopback(prepare_network) as (discord, port):
        await others.execute(text("SELECT pg_advisory_lock(79, 0), pg_advisory_lock(80, 5)"))
        async with processes(port, tmp_path, url, [SPLIT[0], SPLIT[2]], BOT_LOG_LEVEL="ERROR") as (first, third):
            code, _, err = await wait_for_end(first)
            assert code == 1
            logged, shown = err.splitlines()
            assert "ERROR   bot.app.processes: This process could not connect a shard: it waited 45 seconds" in logged
            assert shown.startswith("nightword: This process could not connect a shard: it waited 45 seconds")
            code, _, err = await wait_for_end(third)
            assert code == 1
            problem = "nightword: Another process of this bot still has a shard of this one (4, 5) after 45 seconds."
            assert only_line(err).startswith(problem)
        assert discord.gateway.identified == 0
    await engine.dispose()


async def test_a_process_hands_its_shards_over_to_the_next_one(tmp_path: Path, url: str) -> None:
    async with discord_on_loopback(prepare_network) as (discord, port), processes(port, tmp_path, url) as (_, old, _):
        await until_connected(discord)
        async with started(port, cwd=tmp_path, **settings_of(SPLIT[1], url)) as new:
            # Each process logs in twice: once to look at its intents. Then the new one waits for its shards.
            await until(lambda: discord.requests.count("GET /users/@me") == 2 * (len(SPLIT) + 1))
            asked = [
                await discord.slash("continue", user=user, prompt=PROMPT, where=SERVERS[2 + user % 2].where(user))
                for user in range(10)
            ]
            for interaction in asked:
                await until(interaction.acknowledged.is_set)
            assert discord.gateway.identified == SHARDS
            await end([old])
            for interaction in asked:
                assert (len(interaction.callbacks), interaction.titles) == (1, ["Continuation"])
            await until_connected(discord)
            assert discord.gateway.identified == SHARDS + 2
            await end([new])


async def rows(url: str, *columns: Any, on: ColumnElement[bool] | None = None) -> list[tuple[Any, ...]]:
    """Return columns of a table, or of its join `on` a condition with the messages."""
    statement = select(*columns) if on is None else select(*columns).join(Message, on)
    database = Database(url)
    await database.open()
    async with database.session() as session:
        result = [tuple(row) for row in await session.execute(statement)]
    await database.close()
    return result


async def scored(url: str) -> Counter[int]:
    return Counter(message_id for (message_id,) in await rows(url, Score.message_id))


async def test_a_process_that_is_killed_while_it_scores_loses_and_repeats_nothing(
    tmp_path: Path, url: str, demo_model: EngineModel
) -> None:
    judged = {text: demo_model.answer(SentimentQuestion(text)).positive_probability for text in {*written(60), BAD}}
    texts = [text for text in written(60) if judged[text] >= FLAG_BELOW]
    assert judged[BAD] < FLAG_BELOW
    async with discord_on_loopback(prepare_network) as (discord, port):
        await watch_all(url, discord, flag_below=FLAG_BELOW)
        reviews: list[Json] = []
        async with processes(port, tmp_path, url) as (first, victim, third):
            await until_connected(discord)
            for number in range(300):
                server = SERVERS[number % SHARDS]
                flagged = number // SHARDS in (5, 40)  # two in each server, so each case gets a card at once
                reviews.append(server.post(discord, BAD if flagged else texts[number % len(texts)], number % 5))
                await discord.gateway.dispatch("MESSAGE_CREATE", reviews[-1])
            await until_scored(url, {int(it["id"]) for it in reviews if it["guild_id"] == SERVERS[2].id}, 1)
            victim.kill()
            await victim.wait()
            lost = Counter(int(review["id"]) for review in reviews) - await scored(url)
            assert any(discord.gateway.shard_of(review["guild_id"]) in (2, 3) for review in reviews
                       if int(review["id"]) in lost)  # fmt: skip
            async with started(port, cwd=tmp_path, **settings_of(SPLIT[1], url)) as again:
                await until_connected(discord)
                async for _ in patiently():
                    if await is_settled(url, len(reviews)):
                        break
                await end([first, again, third])
    assert await scored(url) == Counter(int(review["id"]) for review in reviews)
    assert Counter(message for (message,) in await rows(url, Message.message_id)) == await scored(url)
    cases = await rows(url, ReviewCase.guild_id, ReviewCase.number, ReviewCase.message_id, ReviewCase.card_message_id)
    assert Counter((str(guild), number) for guild, number, *_ in cases) == Counter(
        (server.id, number) for server in SERVERS for number in (1, 2)
    )
    assert {message for _, _, message, _ in cases} == {int(it["id"]) for it in reviews if it["content"] == BAD}
    cards = [message for message in discord.posted if message["channel_id"] in {server.log for server in SERVERS}]
    assert Counter(card for *_, card in cases) == Counter(int(card["id"]) for card in cards)


async def is_settled(url: str, count: int) -> bool:
    """Return whether so many messages are scored and shown, and each open case has a card."""
    waiting = await rows(url, Message.pending, Message.acts)
    cases = await rows(url, ReviewCase.state, ReviewCase.card_message_id)
    is_shown = not any(pending or acts for pending, acts in waiting)
    return len(waiting) == count and is_shown and not any(state == "open" and card is None for state, card in cases)


async def test_kills_of_any_process_while_all_score_lose_and_repeat_nothing(
    tmp_path: Path, url: str, demo_model: EngineModel
) -> None:
    drawn = random.Random(11)
    judged = {
        text: demo_model.answer(SentimentQuestion(text)).positive_probability for text in {*written(60), BAD, ENDING}
    }
    texts = [text for text in written(60) if judged[text] >= FLAG_BELOW]
    async with discord_on_loopback(prepare_network) as (discord, port):
        await watch_all(url, discord, flag_below=FLAG_BELOW)
        reviews: list[Json] = []
        interrupted = 0
        async with Fleet(port, tmp_path, url) as fleet:
            for number in range(KILLS):
                await until(lambda: len(discord.gateway.connected) == SHARDS)
                again = reviews[-2 * SHARDS :]  # Discord sends some events again, as after a resumed session
                flagged = drawn.choice(SERVERS) if number % 5 == 1 else None
                new = [
                    server.post(discord, BAD if server is flagged and not step else drawn.choice(texts), step)
                    for step in range(4)
                    for server in SERVERS
                ]
                edited = [edit_review(review, ENDING) for review in drawn.sample(again, min(3, len(again)))]
                reviews += new
                for review in (*again, *new):
                    await discord.gateway.dispatch("MESSAGE_UPDATE" if review in edited else "MESSAGE_CREATE", review)
                if number % 3:  # a kill while some are scored, else before
                    await until_scored(url, {int(review["id"]) for review in new}, drawn.randint(1, len(new) // 2))
                interrupted += len(await scored(url)) < len(reviews)
                await fleet.replace(drawn.randrange(len(SPLIT)))
            await until_connected(discord)
            async for _ in patiently():
                if await is_settled(url, len(reviews)):
                    break
    present = await rows(url, Score.message_id, Score.positive_probability, on=PRESENT)
    assert interrupted > KILLS // 2
    assert Counter(message_id for message_id, _ in present) == Counter(int(review["id"]) for review in reviews)
    assert dict(present) == pytest.approx({int(it["id"]): judged[it["content"]] for it in reviews}, abs=1e-5)
    cases = await rows(url, ReviewCase.message_id, ReviewCase.card_message_id)
    assert {message_id for message_id, _ in cases} >= {int(it["id"]) for it in reviews if it["content"] == BAD}
    logs = {server.log for server in SERVERS}
    cards = [message for message in discord.posted if message["channel_id"] in logs]
    assert Counter(card for _, card in cases if card is not None) == Counter(int(card["id"]) for card in cards)


async def until_scored(url: str, message_ids: set[int], count: int) -> None:
    """Wait until so many of some messages are scored."""
    async for _ in patiently():
        if len(message_ids & set(await scored(url))) >= count:
            return
