"""A small vLLM server: the endpoints and fields that the engine uses, computed by plain transformers, and its faults.

`test_contract.py` compares its answers with those of a real server.
"""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import torch
from aiohttp import web

from tests.engine.plain import plain_transformers

Json = dict[str, Any]
MODEL = "the-model"
LARGEST_ID_COUNT = 128


class FakeVllm:
    """The state of one server. Tests set its faults, and read what it was asked."""

    def __init__(self, folder: Path, *, max_logprobs: int = -1, mode: str = "raw_logprobs") -> None:
        self.model, _ = plain_transformers(folder)
        self.vocab_size: int = self.model.config.vocab_size
        self.max_model_len: int = self.model.config.max_position_embeddings
        self.folder = folder
        self.served = MODEL
        self.version = "0.32.0"
        self.max_logprobs = max_logprobs
        self.mode = mode
        self.api_key: str | None = None
        self.shift = 0.0  # added to every logit but the first, as other weights would
        self.statuses: list[int] = []  # statuses of the next requests, instead of answers
        self.cuts: list[int] = []  # after how many events the next streams lose their connection
        self.hangs = False
        self.requests: list[Json] = []
        self.running = 0
        self.most_running = 0
        self.aborted = 0  # streams that the client ended
        self.pace: threading.Event | None = None  # each streamed token after the first waits for it
        self.port = 0

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self.port}"

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/health", self._health),
            web.get("/version", self._version),
            web.get("/v1/models", self._models),
            web.post("/v1/completions", self._completions),
        ]

    @web.middleware
    async def middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Apply the faults that concern every request."""
        if self.hangs:
            await asyncio.Event().wait()
        if self.api_key is not None and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return web.json_response({"error": "Unauthorized"}, status=401)
        response: web.StreamResponse = await handler(request)
        return response

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response()

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"version": self.version})

    async def _models(self, _: web.Request) -> web.Response:
        model = {"id": self.served, "object": "model", "root": str(self.folder), "max_model_len": self.max_model_len}
        return web.json_response({"object": "list", "data": [model]})

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        body: Json = await request.json()
        self.requests.append(body)
        if self.statuses:
            return web.json_response({"error": {"message": "planted"}}, status=self.statuses.pop(0))
        if body["model"] != self.served:
            return _refuse(f"The model `{body['model']}` does not exist.", 404)
        if problem := self._problem(body):
            return _refuse(problem)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if body.get("stream"):
                return await self._stream(request, body)
            prompts = body["prompt"] if isinstance(body["prompt"][0], list) else [body["prompt"]]
            choices = [await asyncio.to_thread(self._choice, n, ids, body) for n, ids in enumerate(prompts)]
            return web.json_response({"object": "text_completion", "choices": choices})
        finally:
            self.running -= 1

    def _problem(self, body: Json) -> str | None:
        prompts = body["prompt"] if isinstance(body["prompt"][0], list) else [body["prompt"]]
        for name, kind in (("logprobs", "sample"), ("prompt_logprobs", "prompt")):
            asked = body.get(name) or 0
            asked = self.vocab_size if asked == -1 else asked
            if self.max_logprobs != -1 and asked > self.max_logprobs:
                return f"Requested {kind} logprobs of {asked}, which is greater than max allowed: {self.max_logprobs}"
        chosen = body.get("logprob_token_ids") or []
        if len(chosen) > LARGEST_ID_COUNT:
            return f"Requested logprob_token_ids of length {len(chosen)}, which is greater than max allowed: 128"
        if any(id_ >= self.vocab_size for id_ in chosen):
            return "token_id(s) in logprob_token_ids contain out-of-vocab token ids."
        if any(id_ >= self.vocab_size for ids in prompts for id_ in ids):
            return "Token id is out of vocabulary"
        if any(len(ids) + body["max_tokens"] > self.max_model_len for ids in prompts):
            return f"This model's maximum context length is {self.max_model_len} tokens."
        return None

    def _choice(self, index: int, input_ids: list[int], body: Json) -> Json:
        raw = self._raw(input_ids)
        is_one_greedy = body["max_tokens"] == 1 and not body["temperature"]
        steps = [(int(raw[-1].argmax()), raw[-1])] if is_one_greedy else [*self._generate(input_ids, body)]
        ids = [id_ for id_, _ in steps]
        choice: Json = {"index": index, "token_ids": ids if body.get("return_token_ids") else None}
        choice["logprobs"] = None
        if body.get("logprobs") is not None:
            choice["logprobs"] = {"top_logprobs": [self._position(id_, logits, body) for id_, logits in steps]}
        choice["prompt_logprobs"] = None
        if (count := body.get("prompt_logprobs")) is not None:
            rows = raw.log_softmax(-1)
            choice["prompt_logprobs"] = [
                None,
                *(_position(row, id_, count) for row, id_ in zip(rows, input_ids[1:], strict=False)),
            ]
        return choice

    def _position(self, id_: int, logits: torch.Tensor, body: Json) -> Json:
        """Return the log-probabilities of the new id and the best ones, or of the chosen ones."""
        shown = logits if self.mode != "processed_logprobs" else logits / (body["temperature"] or 1.0)
        values = shown if self.mode == "raw_logits" else shown.log_softmax(-1)
        count, chosen = body["logprobs"], body.get("logprob_token_ids")
        best = values.topk(self.vocab_size if count == -1 else count).indices.tolist()
        listed = dict.fromkeys([id_, *(best if chosen is None else chosen)])
        return {f"token_id:{id_}": max(values[id_].item(), -9999.0) for id_ in listed}

    def _raw(self, input_ids: list[int]) -> torch.Tensor:
        with torch.no_grad():
            logits: torch.Tensor = self.model(torch.tensor([input_ids])).logits[0].float()
        logits[:, 1:] += self.shift * torch.linspace(0, 1, self.vocab_size - 1)
        return logits

    def _generate(self, input_ids: list[int], body: Json) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield new ids as vLLM chooses them: penalty, temperature, min_p, top_k, top_p, and a generator of its own.

        Each comes with the logits before the penalty.
        """
        generator = torch.Generator().manual_seed((body.get("seed") or 0) % 2**63)
        written = list(input_ids)
        for _ in range(body["max_tokens"]):
            raw = self._raw(written)[-1]
            logits = raw.clone()
            seen = torch.tensor(sorted(set(written)))
            penalty = body.get("repetition_penalty") or 1.0
            logits[seen] = torch.where(logits[seen] < 0, logits[seen] * penalty, logits[seen] / penalty)
            if not body["temperature"]:
                id_ = int(logits.argmax())
            else:
                probabilities = (logits / body["temperature"]).softmax(-1)
                probabilities[probabilities < (body.get("min_p") or 0.0) * probabilities.max()] = 0
                probabilities /= probabilities.sum()
                best, ids = probabilities.sort(descending=True)
                is_left = best.cumsum(0) - best < (body.get("top_p") or 1.0)
                is_left[(body.get("top_k") or 0) or self.vocab_size :] = False
                id_ = int(ids[torch.multinomial(best * is_left, 1, generator=generator)])
            written.append(id_)
            yield id_, raw
            if id_ in body.get("stop_token_ids", []):
                return

    async def _stream(self, request: web.Request, body: Json) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        cut = self.cuts.pop(0) if self.cuts else None
        try:
            async for number, (id_, logits) in self._paced(body):
                if number == cut:
                    assert request.transport is not None
                    request.transport.abort()
                    return response
                choice: Json = {"index": 0, "token_ids": [id_], "logprobs": None}
                if body.get("logprobs") is not None:
                    choice["logprobs"] = {"top_logprobs": [self._position(id_, logits, body)]}
                await response.write(b"data: %s\n\n" % json.dumps({"choices": [choice]}).encode())
            await response.write(b"data: [DONE]\n\n")
        except ConnectionResetError:
            self.aborted += 1
            return response
        except asyncio.CancelledError:
            self.aborted += 1
            raise
        return response

    async def _paced(self, body: Json) -> AsyncIterator[tuple[int, tuple[int, torch.Tensor]]]:
        steps = self._generate(body["prompt"], body)
        number = 0
        while (step := await asyncio.to_thread(next, steps, None)) is not None:
            if self.pace is not None and number:
                while not self.pace.is_set():  # noqa: ASYNC110  # set from another thread
                    await asyncio.sleep(0.01)
            yield number, step
            number += 1


def _position(row: torch.Tensor, actual: int, count: int) -> Json:
    best = row.topk(count).indices.tolist()
    ranks = {id_: rank for rank, id_ in enumerate(best, start=1)}
    ranks[actual] = int((row >= row[actual]).sum())
    return {str(id_): {"logprob": max(row[id_].item(), -9999.0), "rank": ranks[id_]} for id_ in (actual, *best)}


def _refuse(message: str, status: int = 400) -> web.Response:
    return web.json_response({"error": {"message": message, "code": status}}, status=status)


class Serving:
    """Runs a fake server in a thread of its own, so that a test can block. It can be stopped and started again."""

    def __init__(self, fake: FakeVllm) -> None:
        self.fake = fake
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._runner: web.AppRunner | None = None

    def start(self) -> None:
        """Listen: at the first start on any free port, then on the same one."""
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()

    def stop(self) -> None:
        """Close all connections and stop listening, as if the server was killed."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()

    def close(self) -> None:
        """Stop the server and its thread."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application(middlewares=[self.fake.middleware])
        app.add_routes(self.fake.routes())
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.fake.port)
        await site.start()
        assert site._server is not None
        self.fake.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # asyncio's Server has it

    async def _stop(self) -> None:
        if self._runner is not None:
            server = self._runner.server
            for connection in [] if server is None else server.connections:
                if connection.transport is not None:
                    connection.transport.abort()
            await self._runner.cleanup()
            self._runner = None


@contextlib.contextmanager
def serving(fake: FakeVllm) -> Iterator[Serving]:
    """Serve `fake` until the end of the block."""
    server = Serving(fake)
    server.start()
    try:
        yield server
    finally:
        server.close()
