"""Writes into a database until it is killed: `python -m tests.storage.writer URL FIRST`, each message as it is kept."""

import asyncio
import sys

from bot.storage.database import Database
from bot.storage.review_store import ReviewStore
from tests.storage.people import give, watch, write


async def main(url: str, first: int) -> None:
    database = Database(url)
    await database.open()
    store = ReviewStore(database)
    await watch(store)
    for message in range(first, first + 100_000):
        await write(store, message)
        await give(store, message, database.content_hash("Good."))
        sys.stdout.write(f"{message}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
