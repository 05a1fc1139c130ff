"""vLLM's CPU server, with the same work as the engine.

usage: python -m benchmarks.vllm_peer FOLDER NEW_TOKENS {whole,speeds}
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from transformers import AutoTokenizer

from benchmarks.peer_environment import PEERS, vllm_python
from benchmarks.turns import WHOLE
from benchmarks.work import LONG_PROMPT_PEOPLE, LONG_PROMPT_WORDS, PEOPLE, REVIEWS
from bot.cli.bench.work import PROMPT_WORDS, REVIEW_WORDS, median, words
from bot.questions.sentiment import SENTIMENT

PORT = 8901
ADDRESS = f"http://127.0.0.1:{PORT}"
OTHERS = 15  # running requests beside a new one
NEWCOMERS = 3
ROUNDS = 3  # the first one prepares kernels, as it does in `nightword bench`
NEWCOMER_AFTER = 2.0  # seconds, when the others are being written
STARTS_WITHIN = 600.0  # seconds; it compiles at its first start


def main() -> None:
    """Print the figures as JSON."""
    folder, new_tokens, is_whole = sys.argv[1], int(sys.argv[2]), sys.argv[3] == WHOLE
    python = vllm_python()
    arguments = [
        python, "-m", "vllm.entrypoints.openai.api_server", "--model", folder, "--served-model-name", "peer",
        "--host", "127.0.0.1", "--port", str(PORT), "--dtype", "bfloat16", "--max-model-len", "2048",
    ]  # fmt: skip
    cores = f"0-{(os.cpu_count() or 1) - 1}"
    environment = os.environ | {
        "VLLM_CPU_KVCACHE_SPACE": "4", "VLLM_CPU_OMP_THREADS_BIND": cores, "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    with (
        (PEERS / "vllm.log").open("w") as output,
        subprocess.Popen(arguments, env=environment, stdout=output, stderr=output) as server,  # noqa: S603  # the peer's interpreter
    ):
        try:
            print(json.dumps(asyncio.run(_measure(server, Path(folder), new_tokens, is_whole=is_whole))))
        finally:
            server.terminate()


Complete = Callable[[str, int], Awaitable[float]]  # of a prompt and its new tokens: the seconds to the first one


async def _measure(
    server: "subprocess.Popen[bytes]", folder: Path, new_tokens: int, *, is_whole: bool
) -> dict[str, Any]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(STARTS_WITHIN)) as session:
        await _wait_until_up(server, session)

        async def complete(text: str, count: int) -> float:
            return await _complete(session, tokenizer(text).input_ids, count)

        await complete(words(0), new_tokens)  # warm up
        figures: dict[str, Any] = {
            **await _measure_texts(complete, new_tokens, is_whole=is_whole),
            "reviews_per_second": await _measure_reviews(complete),
        }
        if is_whole:
            beside, alone = await _measure_newcomer(complete, new_tokens)
            figures["newcomer"] = {"others": OTHERS, "first_token_seconds": beside, "alone_seconds": alone}
        return figures | {"peak_memory_bytes": _peak_memory(server.pid)}


async def _measure_texts(
    complete: Complete, new_tokens: int, *, is_whole: bool
) -> dict[str, dict[int, dict[int, float]]]:
    """Return the median tokens/s and seconds to the first token, by words of the prompt and number of people."""
    speeds: dict[int, dict[int, float]] = {}
    first: dict[int, dict[int, float]] = {}
    lengths = [(PROMPT_WORDS, PEOPLE), (LONG_PROMPT_WORDS, LONG_PROMPT_PEOPLE)]
    for length, all_people in lengths if is_whole else lengths[:1]:
        speeds[length], first[length] = {}, {}
        for people in all_people:
            measured: list[float] = []
            waited: list[float] = []
            for turn in range(ROUNDS):
                prompts = [words(people * 100 + turn * 1000 + number, length) for number in range(people)]
                began = time.perf_counter()
                waited += await asyncio.gather(*(complete(prompt, new_tokens) for prompt in prompts))
                measured.append(people * new_tokens / (time.perf_counter() - began))
            speeds[length][people], first[length][people] = median(measured), median(waited)
    return {"tokens_per_second": speeds, "first_token_seconds": first}


async def _measure_newcomer(complete: Complete, new_tokens: int) -> tuple[float, float]:
    """Return the median seconds to the first token of a request beside others that are being written, and alone."""
    alone = [await complete(words(20_000 + turn), 2) for turn in range(NEWCOMERS)]
    waited = []
    for turn in range(NEWCOMERS):
        prompts = [words(21_000 + 100 * turn + number) for number in range(OTHERS)]
        others = asyncio.gather(*(complete(prompt, 6 * new_tokens) for prompt in prompts))
        await asyncio.sleep(NEWCOMER_AFTER)
        waited.append(await complete(words(22_000 + turn), 2))
        await others
    return median(waited), median(alone)


async def _measure_reviews(complete: Complete) -> float:
    scored = []
    for turn in range(ROUNDS):
        reviews = [SENTIMENT.prompt(words(5000 + turn * 1000 + number, REVIEW_WORDS)) for number in range(REVIEWS)]
        began = time.perf_counter()
        await asyncio.gather(*(complete(review, 1) for review in reviews))
        scored.append(REVIEWS / (time.perf_counter() - began))
    return median(scored)


def _peak_memory(pid: int) -> int:
    """Return the sum of the peaks of the server and the processes that it has started."""
    server = psutil.Process(pid)
    peaks = []
    for process in (server, *server.children(recursive=True)):
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        peaks += [1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    return sum(peaks)


async def _wait_until_up(server: "subprocess.Popen[bytes]", session: aiohttp.ClientSession) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            async with session.get(f"{ADDRESS}/health") as answer:
                if answer.ok:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(1)
    sys.exit(f"vLLM did not start. See {PEERS / 'vllm.log'}.")


async def _complete(session: aiohttp.ClientSession, ids: list[int], count: int) -> float:
    """Return the seconds to the first new token, once all `count` have arrived."""
    body = {
        "model": "peer", "prompt": ids, "max_tokens": count, "temperature": 0, "ignore_eos": True, "stream": True,
    }  # fmt: skip
    began, first = time.perf_counter(), 0.0
    async with session.post(f"{ADDRESS}/v1/completions", json=body) as answer:
        answer.raise_for_status()
        async for line in answer.content:
            if line.startswith(b"data:"):
                first = first or time.perf_counter() - began
    return first


if __name__ == "__main__":
    main()
