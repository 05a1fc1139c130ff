"""`nightword run` with a vLLM server: every command, Stop in the middle, and the server killed and back again."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from bot.engine.model_files import DEMO_FOLDER
from tests.engine.vllm.fake_server import FakeVllm, Serving, serving
from tests.wire.discord_peer import Discord, discord_on_loopback
from tests.wire.forked import BotProcess
from tests.wire.running import (
    PROMPT,
    patiently,
    started_fresh,
    until,
    until_loaded,
    wait_for_answer,
    wait_for_end,
    wait_for_final_answer,
    wait_for_first_message,
)

MEGABYTES_ALLOWED = 300
EVERY_COMMAND: list[tuple[str, dict[str, Any], str]] = [
    ("topk", {"prompt": PROMPT}, "Next token"),
    ("continue", {"prompt": PROMPT, "max_new_tokens": 4}, "Continuation"),
    ("continue", {"prompt": PROMPT, "max_new_tokens": 4, "strategy": "sample"}, "Continuation"),
    ("continue", {"prompt": PROMPT, "max_new_tokens": 4, "strategy": "beam"}, "Continuation"),
    ("sentiment", {"review": "I loved it."}, "Positive"),
    ("tokenize", {"text": PROMPT}, "tokens"),
    ("xray", {"text": PROMPT}, "X-ray of 7 tokens"),
    ("compare", {"prompt": PROMPT, "max_new_tokens": 4}, "Comparison"),
    ("sampler", {"prompt": PROMPT}, "Sampler"),
    ("sampler", {"prompt": PROMPT, "min_p": 0.1, "top_h": 0.5}, "Sampler"),
    ("sampler", {"prompt": PROMPT, "repetition_penalty": 1.2}, "Not available"),
    ("continue", {"prompt": PROMPT, "strategy": "sample", "top_h": 0.5}, "Not available"),
    ("layers", {"prompt": PROMPT}, "Not supported by this model"),
    ("contrast", {"a": PROMPT, "b": "The doctor said that"}, "Contrast"),
    ("why", {"prompt": PROMPT}, "Why “·night” and not “·day”"),
    ("model", {}, "Model"),
]


@pytest.fixture
def server() -> Iterator[Serving]:
    with serving(FakeVllm(DEMO_FOLDER)) as started:
        yield started


@asynccontextmanager
async def bot_over(server: Serving, folder: Path, **settings: str) -> AsyncIterator[tuple[Discord, BotProcess]]:
    settings = {"BOT_ENGINE": "vllm", "BOT_VLLM_URL": server.fake.url, "BOT_VLLM_API_KEY": "key-canary", **settings}
    async with (
        discord_on_loopback() as (discord, port),
        started_fresh(port, cwd=folder, **settings) as process,
    ):
        await until_loaded(discord)
        yield discord, process


async def model_field(discord: Discord, name: str) -> str:
    shown = await wait_for_answer(await discord.slash("model"))
    assert shown.original is not None
    return next(str(field["value"]) for field in shown.original["embeds"][0]["fields"] if field["name"] == name)


async def test_every_command_without_torch_in_the_process(tmp_path: Path, server: Serving) -> None:
    async with bot_over(server, tmp_path) as (discord, process):
        shown = [
            (await wait_for_final_answer(await discord.slash(name, **options))).titles[0]
            for name, options, _ in EVERY_COMMAND
        ]
        assert shown == [title for _, _, title in EVERY_COMMAND]
        assert await model_field(discord, "Computation") == "float32 on server, vLLM 0.32.0"
        assert (await model_field(discord, "Weights")).startswith("verified within")
        assert "refused" in await model_field(discord, "Questions")
        maps = Path(f"/proc/{process.pid}/maps")
        if maps.exists():
            assert "libtorch" not in maps.read_text()
        assert psutil.Process(process.pid).memory_info().rss < MEGABYTES_ALLOWED * 1024**2
        process.send_signal(signal.SIGTERM)
        code, _, err = await wait_for_end(process)
    assert code == 0
    assert "canary" not in err
    assert "Traceback" not in err


async def test_stop_ends_the_text_and_the_request_on_the_server(tmp_path: Path, server: Serving) -> None:
    server.fake.pace = threading.Event()
    async with bot_over(server, tmp_path) as (discord, _):
        interaction = await discord.slash("continue", prompt=PROMPT, max_new_tokens=256)
        await wait_for_first_message(interaction)
        assert interaction.original is not None
        stop = await discord.press("Stop", interaction.original)
        await until(stop.acknowledged.is_set)
        server.fake.pace.set()  # Stop takes effect with the next token
        await wait_for_final_answer(interaction)
        assert interaction.titles == ["Continuation"]
        await until(lambda: server.fake.aborted == 1 and not server.fake.running)


async def test_a_server_that_is_killed_and_comes_back(tmp_path: Path, server: Serving) -> None:
    server.fake.pace = threading.Event()
    async with bot_over(server, tmp_path) as (discord, _):
        cut = await discord.slash("continue", prompt=PROMPT, max_new_tokens=256)
        await wait_for_first_message(cut)
        await asyncio.to_thread(server.stop)
        await wait_for_final_answer(cut)
        assert cut.titles == ["Model unavailable"]
        refused = await wait_for_final_answer(await discord.slash("topk", prompt=PROMPT))
        assert refused.titles == ["Model unavailable"]
        assert (await model_field(discord, "State")).startswith("degraded: the model's server can't be used, because")
        server.fake.pace = None
        await asyncio.to_thread(server.start)
        async for _ in patiently():
            if await model_field(discord, "State") == "ready":
                break
        again = await wait_for_final_answer(await discord.slash("topk", user=2, prompt=PROMPT))
        assert again.titles == ["Next token"]
