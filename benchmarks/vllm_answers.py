"""How many bytes and how much time each question takes over a vLLM server: `python -m benchmarks.vllm_answers`.

The answers go through a small proxy that counts bytes. BOT_VLLM_URL and BOT_MODEL name the server and the model.
"""

import asyncio
import contextlib
import statistics
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from bot.engine.model import EngineModel
from bot.engine.vllm.loading import load_model
from bot.questions.comparison import ComparisonQuestion
from bot.questions.continuation import ContinuationQuestion
from bot.questions.contrast import ContrastQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import Question
from bot.questions.sampler import SamplerQuestion
from bot.questions.sentiment import EvidenceQuestion, SentimentQuestion
from bot.questions.topk import RevealQuestion, TopKQuestion
from bot.questions.why import WhyQuestion
from bot.questions.xray import XrayQuestion
from bot.settings import read_settings

PROMPT = "The old captain opened the door, looked at the sea and said that it was too late to"
REVIEW = "I loved every minute of this film, and so did everyone who saw it with me."
ROUNDS = 5
NEW_TOKENS = 32


class CountingProxy:
    """Forwards connections to a server, and counts the bytes in both directions."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self.sent = self.received = 0
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.port: int = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    async def _listen(self) -> int:
        server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection(*self._target)
        with contextlib.suppress(OSError):
            await asyncio.gather(self._copy(reader, requests, "sent"), self._copy(answers, writer, "received"))

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, name: str) -> None:
        while data := await source.read(2**16):
            setattr(self, name, getattr(self, name) + len(data))
            sink.write(data)
            await sink.drain()
        sink.close()


def questions() -> Iterator[tuple[str, Question[Any]]]:
    """Yield each question with its name."""
    greedy = GenerationParameters.from_options(max_new_tokens=NEW_TOKENS)
    beam = GenerationParameters.from_options(strategy="beam", num_beams=4, max_new_tokens=NEW_TOKENS)
    yield "/topk", TopKQuestion(PROMPT, 10)
    yield "/topk at temperature 0.7", TopKQuestion(PROMPT, 10, (), 0.7)
    yield "/xray", XrayQuestion(PROMPT)
    yield "/sentiment", SentimentQuestion(REVIEW)
    yield "/sentiment, Explain", EvidenceQuestion(REVIEW)
    yield "/why, 18 words", WhyQuestion(PROMPT)
    yield "/guess, 5 guesses", RevealQuestion(PROMPT, 5, (11, 100, 1000, 10_000, 100_000))
    yield "/sampler", SamplerQuestion.from_options(PROMPT)
    yield "/contrast", ContrastQuestion(PROMPT, REVIEW)
    yield "/continue, greedy", ContinuationQuestion(PROMPT, greedy)
    yield "/continue, beam of 4", ContinuationQuestion(PROMPT, beam)
    yield "/compare", ComparisonQuestion.from_options(PROMPT, seed=1, max_new_tokens=NEW_TOKENS)


def measure(model: EngineModel, proxy: CountingProxy, question: Question[Any]) -> tuple[float, float, float]:
    """Return the median seconds of an answer, and the bytes that one sends and receives."""
    model.answer(question)  # the first answer of its kind can compile a kernel on the server
    proxy.sent = proxy.received = 0
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        model.answer(question)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), proxy.sent / ROUNDS, proxy.received / ROUNDS


def main() -> None:
    """Print a table."""
    settings = read_settings(engine="vllm")
    address = urlsplit(settings.server_url)
    proxy = CountingProxy(address.hostname or "", address.port or 80)
    model = load_model(
        settings.model,
        url=f"http://127.0.0.1:{proxy.port}",
        read_timeout=60,
        max_prompt_tokens=1024,
        dtype=settings.dtype,
    )
    print(f"{model.info.short_name}, {model.info.vocab_size:,} tokens, {model.info.engine_path}; medians of {ROUNDS}")
    print(f"inspection: {proxy.received:,} bytes received")
    print("| question | milliseconds | bytes sent | bytes received |\n|---|---|---|---|")
    for name, question in questions():
        seconds, sent, received = measure(model, proxy, question)
        print(f"| {name} | {1000 * seconds:,.0f} | {sent:,.0f} | {received:,.0f} |")


if __name__ == "__main__":
    main()
