"""The connection between the model's thread and a server: requests that run at once, and a watch over the server."""

import asyncio
import concurrent.futures
import contextlib
import logging
import random
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bot.engine.scheduler import ForwardPass, wait_for
from bot.engine.vllm.inspection import INSPECTION_SECONDS, ServerFacts
from bot.engine.vllm.server import Json, RefusedRequest, ServerError, TemporaryError, VllmServer
from bot.errors import ModelServerUnavailable

HEALTHY_SECONDS = 10.0  # between two looks at a server that works
FIRST_SECONDS, LONGEST_SECONDS = 1.0, 30.0  # between two looks at a server that can't be used; doubled each time
FAILURES_ALLOWED = 5  # consecutive requests that fail on a server that can be reached
# How long the model's thread waits for answers before it looks for new and cancelled requests.
LOOK_UP_SECONDS = 0.01

log = logging.getLogger(__name__)
T = TypeVar("T")


class Connection:
    """Sends the requests of operations to a server. It has an event loop on a thread of its own.

    A circuit breaker refuses requests while the server can't be used. `problem` says why, and is "" if it can be used.
    """

    def __init__(self, server: VllmServer, inspect: Callable[[VllmServer], Awaitable[ServerFacts]]) -> None:
        """`inspect` checks a server before its first use and after each outage. Raises ServerError."""
        self._server = server
        self._inspect = inspect
        self.facts: ServerFacts | None = None
        self.problem = "it has not been checked yet"
        self._failures = 0
        self._checked = threading.Event()
        self._is_suspect = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="vllm", daemon=True)

    def start(self) -> None:
        """Check the server, and return when that is done. The watch then goes on in the background."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._watch(), self._loop)
        self._checked.wait()

    def close(self) -> None:
        """End all requests and the watch."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def complete(self, body: Json) -> Json:
        """Return the server's answer. Other operations run meanwhile. Raises ModelServerUnavailable."""
        return self._call(self._complete(body))

    def stream(self, body: Json) -> Generator[Json]:
        """Yield choices with new token ids as they come. Closing the generator ends the request on the server.

        Raises ModelServerUnavailable.
        """
        events: asyncio.Queue[Json | None] = asyncio.Queue()
        pump = asyncio.run_coroutine_threadsafe(self._pump(body, events), self._loop)
        try:
            while (choice := self._call(events.get())) is not None:
                yield choice
            pump.result()  # raises its error
        finally:
            pump.cancel()

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return the result of `coroutine`. If the operation is cancelled, so is the coroutine."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            wait_for(_Call(future))
        except BaseException:
            future.cancel()
            raise
        return future.result()

    async def _complete(self, body: Json) -> Json:
        facts = self._require_usable()
        try:
            answer = await self._server.complete(body | {"model": facts.model_id})
        except ServerError as error:
            raise self._note_failure(error) from None
        self._failures = 0
        return answer

    async def _pump(self, body: Json, events: "asyncio.Queue[Json | None]") -> None:
        try:
            facts = self._require_usable()
            async for choice in self._server.stream(body | {"model": facts.model_id}):
                self._failures = 0
                events.put_nowait(choice)
        except ServerError as error:
            raise self._note_failure(error) from None
        finally:
            events.put_nowait(None)

    def _require_usable(self) -> ServerFacts:
        if self.problem or self.facts is None:
            raise ModelServerUnavailable(self.problem)
        return self.facts

    def _note_failure(self, error: ServerError) -> ModelServerUnavailable:
        """Open the circuit if the server can't be used, and return the error for the user."""
        if isinstance(error, RefusedRequest):
            log.warning("the model server refused a request with status 400; its own log has the reason")
        else:
            self._failures += 1
            is_busy = isinstance(error, TemporaryError) and not error.is_lost
            if not is_busy or self._failures >= FAILURES_ALLOWED:
                self._set_problem(str(error))
                self._is_suspect.set()
        return ModelServerUnavailable(str(error))

    async def _watch(self) -> None:
        self._server.open()
        seconds = FIRST_SECONDS
        while True:
            await self._check()
            self._checked.set()
            seconds = min(2 * seconds, LONGEST_SECONDS) if self.problem else FIRST_SECONDS
            pause = random.uniform(0.5, 1) * seconds if self.problem else HEALTHY_SECONDS  # jitter
            self._is_suspect.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._is_suspect.wait()

    async def _check(self) -> None:
        try:
            if self.problem:
                async with asyncio.timeout(INSPECTION_SECONDS):
                    self.facts = await self._inspect(self._server)
            else:
                await self._server.get("/health")
        except TimeoutError:
            # A busy server can be late once.
            self._failures += 1
            if self.problem or self._failures > 1:
                self._set_problem("it did not answer in time")
        except ServerError as error:
            self._set_problem(str(error))
        except Exception:  # such as JSON without an expected key: the watch must go on
            log.exception("could not check the model server")
            self._set_problem("its answers are not those of a vLLM server")
        else:
            self._failures = 0
            self._set_problem("")

    def _set_problem(self, problem: str) -> None:
        if problem == self.problem:
            return
        self.problem = problem
        if problem and self._checked.is_set():  # a problem at the start is reported where the model is loaded
            log.warning("the model server can't be used, will retry: %s", problem)
        elif not problem and self.facts is not None:
            log.info("the model server is ready: %s, weights %s", self.facts.engine_text, self.facts.weights_text)

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._server.close()


@dataclass(frozen=True, eq=False, slots=True)
class _Call(Generic[T]):
    """A request that an operation waits for, as the scheduler sees it."""

    future: "concurrent.futures.Future[T]"

    def compute_together(self, waiting: list[ForwardPass]) -> list[tuple[ForwardPass, object]]:
        """Return the calls of `waiting` that are done. Failed ones are done too, and raise their own error later."""
        calls = [call for call in waiting if isinstance(call, _Call)]
        concurrent.futures.wait(
            [call.future for call in calls], LOOK_UP_SECONDS, return_when=concurrent.futures.FIRST_COMPLETED
        )
        return [(call, None) for call in calls if call.future.done()]
