"""Write into a database until killed: `python -m tests.storage.writer`, with a line `URL FIRST` for each life.

Each life is a process forked from one that has imported everything. It prints its process id and then each step that
is committed. After its end, `gone` is printed. A new life first finishes the previous one's steps, as the bot does.
"""

import asyncio
import os
import sys

from bot.storage.database import Database
from bot.storage.store import ReviewStore
from tests.storage.people import LOG, MORGAN, go_live, record_score, write

AT_ONCE = 3


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")  # one write, so that no kill leaves half a line
    sys.stdout.flush()


async def settle(store: ReviewStore) -> None:
    """Score pending messages, open a case for each, and decide it."""

    async def score_message(message: int, content_hash: str) -> None:
        if await record_score(store, message, content_hash):
            say("scored", message)

    async def decide(case_id: int, message: int) -> None:
        done, _ = await store.cases.decide(case_id, MORGAN, True)
        if done:
            say("decided", message)

    await asyncio.gather(
        *(score_message(pending.message_id, pending.content_hash) for pending in await store.messages.pending(100))
    )
    for score in await store.showing.due(100):
        await store.cases.open(score, log_channel_id=LOG, urgent=False, flag_below=0.6)
        await store.showing.mark_shown(score.message_id, score.content_hash, label=None, label_message_id=None)
        say("opened", score.message_id)
    await asyncio.gather(*(decide(case.id, case.message_id) for case in await store.cards.due()))


async def live(url: str, first: int) -> None:
    database = Database(url)
    await database.open()
    store = ReviewStore(database)
    await go_live(store)
    say(os.getpid())

    async def record(message: int) -> None:
        await write(store, message)
        say("recorded", message)

    while True:
        await settle(store)
        await asyncio.gather(*(record(message) for message in range(first, first + AT_ONCE)))
        first += AT_ONCE


def main() -> None:
    while line := sys.stdin.readline():
        url, first = line.split()
        if process := os.fork():
            os.waitpid(process, 0)
            say("gone")
        else:
            asyncio.run(live(url, int(first)))


if __name__ == "__main__":
    main()
