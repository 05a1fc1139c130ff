"""How the bot copes with many servers, on the small Discord of the tests: `make bench-load`.

Each step starts the bot with some servers in one or more processes. People then use commands in random servers at a
steady rate, whether or not the earlier ones are answered, and members post reviews in watched channels. Every command
is followed to its answer or refusal. The steps with several processes need a PostgreSQL server. The driver and the
bots share this machine's cores.
"""

import argparse
import asyncio
import random
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.machine import describe_machine, in_words, today
from bot.answers.error_reply import TITLES
from bot.cli.bench.work import quantile
from bot.storage.database import Database
from bot.storage.database_url import async_url
from bot.storage.store import ReviewStore
from bot.storage.tables import Message, Score
from tests.wire.discord_peer import TOKEN, Discord, discord_on_loopback
from tests.wire.forked import BotProcess
from tests.wire.objects import GUILD_OBJECT, Json, in_server
from tests.wire.people import EVERYTHING, MEMBER, Interaction
from tests.wire.review_server import grant_message_content, post_review, review_server
from tests.wire.running import environment, fresh_bot

RESULTS = Path(__file__).parent / "load.md"
SERVER = "postgresql://postgres@127.0.0.1:5432"
SERVERS_PER_SHARD = 1000  # as Discord recommends
CHANNELS = 25  # of each server
WATCHED = 12  # servers with a review channel
PEOPLE = 100_000
LATEST_SECONDS = 120.0  # to wait for the last answers after the last command
PROMPT, REVIEW = "It was a dark and stormy", "The acting was wonderful, and the plot made no sense at all."
MIX: tuple[tuple[str, int, dict[str, Any]], ...] = (  # command, share in percent, options
    ("tokenize", 25, {"text": PROMPT}),
    ("topk", 25, {"prompt": PROMPT}),
    ("sentiment", 20, {"review": REVIEW}),
    ("continue", 10, {"prompt": PROMPT, "max_new_tokens": 16}),
    ("xray", 10, {"text": REVIEW}),
    ("help", 10, {}),
)


@dataclass(frozen=True, slots=True)
class Step:
    """How many servers the bot is in, and over how many processes their shards are spread."""

    servers: int
    processes: int

    @property
    def shards(self) -> int:
        """As many as Discord recommends, and the same number in each process."""
        recommended = max(1, -(-self.servers // SERVERS_PER_SHARD))
        return -(-recommended // self.processes) * self.processes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened in a step. `titles` counts what each command ended with: a title, or None for no answer."""

    step: Step
    asked: int
    titles: Counter[str | None]
    acknowledged: Sequence[float]
    answered: Sequence[float]
    reviews: int
    scored: int
    start_seconds: float
    memory_at_start: int
    memory: int
    cores: float


def main() -> None:
    """Measure the steps, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--steps", default="100x1,2500x1,5000x3", help="servers x processes, separated by commas")
    parser.add_argument("--rate", type=float, default=10.0, help="commands a second (default 10)")
    parser.add_argument("--reviews", type=float, default=1.0, help="reviews a second (default 1)")
    parser.add_argument("--seconds", type=float, default=120.0, help="seconds of load in each step (default 120)")
    parser.add_argument("--postgresql", default=SERVER, help=f"a server on which databases can be created ({SERVER})")
    parser.add_argument("--vllm-url", help="a vLLM server of the demo model, for the steps with several processes")
    arguments = parser.parse_args()
    outcomes = []
    for step in arguments.steps.split(","):
        servers, processes = map(int, step.split("x"))
        print(f"{servers:,} servers, processes: {processes} …", flush=True)
        outcomes.append(asyncio.run(measure(Step(servers, processes), arguments)))
    report = table(outcomes, arguments)
    RESULTS.write_text(report)
    print(report)


async def measure(step: Step, arguments: argparse.Namespace) -> Outcome:
    """Run one step in a database of its own."""
    drawn = random.Random(step.servers)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = await stack.enter_async_context(_database(step, arguments.postgresql, folder))
        guilds = [_server(number) for number in range(step.servers)]
        discord, port = await stack.enter_async_context(discord_on_loopback(lambda peer: _prepare(peer, step, guilds)))
        await _watch(url, discord, guilds)
        began = time.perf_counter()
        bots = [
            await stack.enter_async_context(_bot(port, folder, url, step, number, arguments.vllm_url))
            for number in range(step.processes)
        ]
        await _until_ready(discord, step, guilds)
        start_seconds = time.perf_counter() - began
        memory_at_start = _memory(bots)
        before, started = _cpu_seconds(bots), time.perf_counter()
        asked, reviews = await asyncio.gather(
            _ask(discord, guilds, drawn, arguments), _post(discord, guilds, arguments)
        )
        await _until_answered(asked)
        cores = (_cpu_seconds(bots) - before) / (time.perf_counter() - started)
        memory = _memory(bots)
        scored = await _until_scored(url, reviews)
    return Outcome(
        step, len(asked), Counter(_title(interaction) for interaction in asked),
        [seconds for interaction in asked if (seconds := interaction.seconds_to_acknowledge) is not None],
        [interaction.answered_at - interaction.sent for interaction in asked if interaction.answered.is_set()],
        reviews, scored, start_seconds, memory_at_start, memory, cores,
    )  # fmt: skip


@asynccontextmanager
async def _database(step: Step, server: str, folder: Path) -> AsyncIterator[str]:
    if step.processes == 1:
        yield f"sqlite+aiosqlite:///{folder}/load.db"
        return
    name = f"nightword_load_{secrets.token_hex(4)}"
    engine = create_async_engine(async_url(f"{server}/postgres"), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield f"{server}/{name}"
    finally:
        async with engine.connect() as connection:
            await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        await engine.dispose()


def _server(number: int) -> Json:
    """Return a server with channels. The first ones are watched."""
    guild_id = (100_000 + number) << 22
    ids = [str(guild_id + 1 + channel) for channel in range(CHANNELS)]
    guild = review_server(str(guild_id), ids[0], ids[1])
    channel = guild["channels"][0]
    more = [{**channel, "id": id_, "name": f"channel-{id_}"} for id_ in ids[2:]]
    return {**GUILD_OBJECT, **guild, "name": f"Server {number}", "channels": [*guild["channels"], *more]}


def _prepare(discord: Discord, step: Step, guilds: Sequence[Json]) -> None:
    grant_message_content(discord)
    discord.is_checked = False  # the tests check each request against Discord's document, which takes the driver's time
    discord.gateway.shard_count = discord.gateway.max_concurrency = step.shards
    discord.gateway.guild, *discord.gateway.other_guilds = guilds


async def _watch(url: str, discord: Discord, guilds: Sequence[Json]) -> None:
    database = Database(url)
    await database.open()
    store = ReviewStore(database)
    for guild in guilds[:WATCHED]:
        await store.places.watch(
            int(guild["channels"][0]["id"]), int(guild["id"]), flag_below=None, log_channel_id=None, watched_by=1,
            last_message_id=int(discord.snowflake()),
        )  # fmt: skip
    await database.close()


@asynccontextmanager
async def _bot(
    port: int, folder: Path, url: str, step: Step, number: int, vllm_url: str | None
) -> AsyncIterator[BotProcess]:
    settings = {
        "BOT_REVIEWS": "true", "BOT_DATABASE_URL": url, "BOT_LOG_LEVEL": "ERROR", "BOT_REQUEST_TIMEOUT": "60",
        "BOT_THREADS": "1",  # in every step: the driver needs a core too, and threads that wait for one slow the others
    }  # fmt: skip
    if step.processes > 1:
        ids = range(number, step.shards, step.processes)
        settings |= {"BOT_SHARD_COUNT": str(step.shards), "BOT_SHARD_IDS": ",".join(map(str, ids))}
    if step.processes > 1 and vllm_url is not None:
        settings |= {"BOT_ENGINE": "vllm", "BOT_VLLM_URL": vllm_url}
    async with fresh_bot(port, ["run"], environment(TOKEN, **settings), folder) as process:
        yield process


async def _until_ready(discord: Discord, step: Step, guilds: Sequence[Json]) -> None:
    """Wait until every shard is connected and its process has loaded the model."""
    while len(discord.gateway.connected) < step.shards:  # noqa: ASYNC110  # bots in other processes connect them
        await asyncio.sleep(0.05)
    for guild in guilds[: step.shards]:  # one on each shard
        while True:
            interaction = await _use(discord, guild, 0, "tokenize", {"text": PROMPT})
            await interaction.answered.wait()
            if _title(interaction) != "Still loading":
                break
            await asyncio.sleep(0.2)


async def _ask(
    discord: Discord, guilds: Sequence[Json], drawn: random.Random, arguments: argparse.Namespace
) -> list[Interaction]:
    """Use commands at a steady rate, in random servers."""
    commands = [(name, options) for name, share, options in MIX for _ in range(share)]
    asked = []
    async for _ in _steadily(arguments.rate, arguments.seconds):
        name, options = drawn.choice(commands)
        asked.append(await _use(discord, drawn.choice(guilds), drawn.randrange(PEOPLE), name, options))
    return asked


async def _use(discord: Discord, guild: Json, user: int, name: str, options: dict[str, Any]) -> Interaction:
    where = in_server(user, MEMBER, EVERYTHING, guild["channels"][2]["id"], guild_id=guild["id"])
    return await discord.slash(name, user=user, where=where, **options)


async def _post(discord: Discord, guilds: Sequence[Json], arguments: argparse.Namespace) -> int:
    """Post reviews at a steady rate, and return how many."""
    count = 0
    async for _ in _steadily(arguments.reviews, arguments.seconds):
        guild = guilds[count % WATCHED]
        review = post_review(
            discord, f"{REVIEW} {count}", count % 5, guild_id=guild["id"], channel_id=guild["channels"][0]["id"]
        )
        await discord.gateway.dispatch("MESSAGE_CREATE", review)
        count += 1
    return count


async def _steadily(rate: float, seconds: float) -> AsyncIterator[None]:
    """Yield so many times a second, and catch up after a delay."""
    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        yield


async def _until_answered(asked: Sequence[Interaction]) -> None:
    async with asyncio.timeout(LATEST_SECONDS):
        for interaction in asked:
            await interaction.answered.wait()
            while interaction.is_draft:  # noqa: ASYNC110  # bots in other processes replace it
                await asyncio.sleep(0.05)


async def _until_scored(url: str, count: int) -> int:
    """Wait until no message waits for its score, and return the number of scores."""
    database = Database(url)
    await database.open()
    try:
        async with asyncio.timeout(LATEST_SECONDS):
            while True:
                async with database.session() as session:
                    waiting = select(func.count()).select_from(Message).where(Message.pending)
                    scored = (await session.execute(select(func.count()).select_from(Score))).scalar_one()
                    if scored >= count and not await session.scalar(waiting):
                        return scored
                await asyncio.sleep(0.2)
    finally:
        await database.close()


def _title(interaction: Interaction) -> str | None:
    return interaction.titles[-1] if interaction.titles else None


def _memory(bots: Sequence[BotProcess]) -> int:
    total: int = sum(psutil.Process(bot.pid).memory_info().rss for bot in bots)
    return total


def _cpu_seconds(bots: Sequence[BotProcess]) -> float:
    times = [psutil.Process(bot.pid).cpu_times() for bot in bots]
    return sum(time.user + time.system for time in times)


def table(outcomes: Sequence[Outcome], arguments: argparse.Namespace) -> str:
    """Return the outcomes as a page in Markdown."""
    engine = "" if arguments.vllm_url is None else " With several processes, one vLLM server computes for all of them."
    machine = in_words(today(), describe_machine())
    lines = [
        "# Load",
        "",
        f"`make bench-load` on {machine}. The demo model. {arguments.rate:g} commands and {arguments.reviews:g} "
        f"reviews a second for {arguments.seconds:g} seconds; each server has {CHANNELS} channels. The driver and all "
        f"bots share the cores, and each bot computes with one thread.{engine}",
        "",
        "| servers | processes | shards | ready after | asked | answered | refused | no answer "
        "| acknowledged: p50 | p99 | max | answered: p50 | p99 | reviews scored | memory | CPU |",
        "|---" * 16 + "|",
    ]
    lines += [_row(outcome) for outcome in outcomes]
    return "\n".join([*lines, "", *_growth(outcomes), *_refusals(outcomes), ""])


def _row(outcome: Outcome) -> str:
    refused, silent = sum(_refused(outcome).values()), outcome.titles[None]
    cells = [
        f"{outcome.step.servers:,}", outcome.step.processes, outcome.step.shards, f"{outcome.start_seconds:.0f} s",
        outcome.asked, outcome.titles.total() - refused - silent, refused, silent,
        *(f"{quantile(outcome.acknowledged, share) * 1000:.0f} ms" for share in (0.5, 0.99, 1.0)),
        *(f"{quantile(outcome.answered, share):.2f} s" for share in (0.5, 0.99)),
        f"{outcome.scored} of {outcome.reviews}", f"{outcome.memory / 1e6:,.0f} MB", f"{outcome.cores:.2f} cores",
    ]  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _growth(outcomes: Sequence[Outcome]) -> list[str]:
    """Return how much memory 1,000 servers take, from the steps with one process before any load."""
    alone = sorted((it.step.servers, it.memory_at_start) for it in outcomes if it.step.processes == 1)
    if len(alone) < 2:
        return []
    (few, small), (many, large) = alone[0], alone[-1]
    growth = (large - small) / (many - few) * 1000
    return [f"Before the load, 1,000 servers more take {growth / 1e6:.0f} MB ({few:,} to {many:,} servers).", ""]


def _refusals(outcomes: Sequence[Outcome]) -> list[str]:
    """Return what was refused, by the title that people saw."""
    lines = []
    for outcome in outcomes:
        if refused := _refused(outcome):
            listed = ", ".join(f"{count} × {title}" for title, count in refused.items())
            lines.append(f"- Refused with {outcome.step.servers:,} servers: {listed}.")
    return lines


def _refused(outcome: Outcome) -> dict[str, int]:
    return {title: count for title, count in outcome.titles.items() if title is not None and title in TITLES.values()}


if __name__ == "__main__":
    main()
