"""Fifty kills while reviews are scored and cards are posted: nothing is lost or done twice."""

import asyncio
import os
import random
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select, select

from bot.engine.model import EngineModel
from bot.questions.sentiment import SentimentQuestion
from bot.storage.database import Database
from bot.storage.database_url import sqlite_file
from bot.storage.tables import Message, ReviewCase, Score
from tests.features.review.conftest import BAD
from tests.features.review.conftest import reviews as written
from tests.wire.discord_peer import TOKEN, Discord, discord_on_loopback
from tests.wire.objects import CHANNEL, Json
from tests.wire.review_server import LOG, edit_review, grant_message_content, post_review, watch
from tests.wire.running import PATIENCE, environment, until_loaded

KILLS = 50
PER_LIFE = 6
FLAG_BELOW = 0.3
FLAGGED_EVERY = 10  # lives: seldom enough that each case gets a card and none waits a minute for a digest
TEXTS = written(60)
PRESENT_SCORES = select(Score.message_id, Score.positive_probability).join(
    Message, (Message.message_id == Score.message_id) & (Message.content_hash == Score.content_hash)
)
ENDING = "A wonderful film, and I loved every minute of it."


@asynccontextmanager
async def lives(port: int, url: str, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    settings = environment(TOKEN, BOT_REVIEWS="true", BOT_DATABASE_URL=url)
    with (folder / "log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.wire.lives", str(port),
            env=settings, cwd=folder, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
            start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # also kills a life that a failed test left behind
            await process.wait()


async def begin_life(discord: Discord, parent: asyncio.subprocess.Process) -> int:
    """Start a bot, and return its process id once its model is loaded."""
    assert parent.stdin is not None
    assert parent.stdout is not None
    discord.ready.clear()
    parent.stdin.write(b"\n")
    life = int(await parent.stdout.readline())
    await until_loaded(discord)
    return life


async def end_life(life: int, parent: asyncio.subprocess.Process, how: signal.Signals) -> None:
    assert parent.stdout is not None
    os.kill(life, how)
    assert await asyncio.wait_for(parent.stdout.readline(), PATIENCE) == b"gone\n"


async def rows(database: Database, statement: Select[*tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    async with database.session() as session:
        return [tuple(row) for row in await session.execute(statement)]


async def unscored(database: Database, reviews: list[Json]) -> set[tuple[int, str]]:
    """Return the id and content hash of each review whose current text has no score."""
    scored = await rows(database, select(Score.message_id, Score.content_hash))
    return {(int(review["id"]), database.content_hash(review["content"])) for review in reviews} - set(scored)


async def until_settled(database: Database, reviews: list[Json]) -> None:
    """Wait until every review is scored and checked for a flag, and every open case is on a card or in a digest."""
    unflagged = select(Message.message_id).where(Message.acts)
    unseen = select(ReviewCase.id).where(
        ReviewCase.state == "open", ReviewCase.card_message_id.is_(None), ReviewCase.digest_message_id.is_(None)
    )
    async with asyncio.timeout(2 * PATIENCE):
        while await unscored(database, reviews) or await rows(database, unflagged) or await rows(database, unseen):  # noqa: ASYNC110  # another process writes it
            await asyncio.sleep(0.1)


def is_intact(url: str) -> bool:
    if file := sqlite_file(url):
        with sqlite3.connect(file) as connection:
            return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return True


async def test_kills_while_scoring_lose_and_repeat_nothing(url: str, tmp_path: Path, demo_model: EngineModel) -> None:
    database = Database(url)
    drawn = random.Random(5)
    judged = {text: demo_model.answer(SentimentQuestion(text)).positive_probability for text in (*TEXTS, BAD, ENDING)}
    texts = [text for text in TEXTS if judged[text] >= FLAG_BELOW]
    reviews: list[Json] = []
    interrupted = 0
    seconds = 0.0  # that a life takes to score its reviews; kills come at a random moment of this time
    async with discord_on_loopback(grant_message_content) as (discord, port):
        await watch(url, discord, flag_below=FLAG_BELOW)
        await database.open()
        async with lives(port, url, tmp_path) as parent:
            for number in range(1 + KILLS):
                life = await begin_life(discord, parent)
                again = reviews[-PER_LIFE:]  # Discord sends some events again, as after a resumed session
                new = [
                    post_review(
                        discord, texts[number % len(texts)] if position or number % FLAGGED_EVERY else BAD, position % 5
                    )
                    for position in range(PER_LIFE)
                ]
                changed = [edit_review(review, ENDING) for review in drawn.sample(again, min(2, len(again)))]
                reviews += new
                began = time.perf_counter()
                for review in (*again, *new):
                    await discord.gateway.dispatch("MESSAGE_UPDATE" if review in changed else "MESSAGE_CREATE", review)
                if number == 0:
                    while await unscored(database, reviews):  # noqa: ASYNC110  # another process writes it
                        await asyncio.sleep(0.01)
                    seconds = time.perf_counter() - began
                else:
                    await asyncio.sleep(drawn.uniform(0, seconds))
                await end_life(life, parent, signal.SIGKILL)
                assert is_intact(url)
                interrupted += bool(await unscored(database, reviews))
            life = await begin_life(discord, parent)
            await until_settled(database, reviews)
            await end_life(life, parent, signal.SIGTERM)
        scores = await rows(database, PRESENT_SCORES)
        cases = await rows(database, select(ReviewCase.message_id, ReviewCase.number, ReviewCase.card_message_id))
        await database.close()
    assert interrupted > KILLS // 5  # the other kills came after the last score
    assert Counter(message for message, _ in scores) == Counter({int(review["id"]): 1 for review in reviews})
    assert dict(scores) == pytest.approx({int(review["id"]): judged[review["content"]] for review in reviews}, abs=1e-5)
    assert discord.messages_in(CHANNEL) == reviews  # the bot posted nothing there
    messages, numbers, cards = zip(*cases, strict=True)
    assert {int(review["id"]) for review in reviews if judged[review["content"]] < FLAG_BELOW} <= set(messages)
    assert sorted(numbers) == list(range(1, len(cases) + 1))
    shown = [card for card in discord.messages_in(LOG) if card["embeds"][0]["title"].startswith("Case")]
    assert Counter(card for card in cards if card is not None) == Counter(int(card["id"]) for card in shown)
    assert "Traceback" not in (tmp_path / "log").read_text()
