"""Requests to a vLLM server: connections, retries, and errors with one line each."""

import asyncio
import contextlib
import ipaddress
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from pydantic import SecretStr
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_random_exponential

Json = dict[str, Any]
T = TypeVar("T")

CONNECT_SECONDS = 5.0
ATTEMPTS = 3
LONGEST_WAIT = 5.0  # seconds between two attempts, even if the server asks for more
LONGEST_LINE = 2**20  # bytes of one streamed event; the first one repeats the ids of the prompt
_jitter = wait_random_exponential(multiplier=0.25, max=2.0)


class ServerError(Exception):
    """The server can't be used for this request. The text says why, without the server's address."""


class TemporaryError(ServerError):
    """Another attempt can succeed: there is no connection (`is_lost`), or the server is busy or failed."""

    def __init__(self, problem: str, *, retry_after: float = 0.0, is_lost: bool = False) -> None:
        super().__init__(problem)
        self.retry_after = retry_after
        self.is_lost = is_lost


class RefusedRequest(ServerError):
    """The server refused the request itself, with status 400.

    `reason` is the server's own text. It can quote the prompt, so it is neither shown nor logged.
    """

    def __init__(self, reason: str) -> None:
        super().__init__("it refused this request with status 400")
        self.reason = reason


class VllmServer:
    """A vLLM server. All methods run in the event loop that called `open`."""

    def __init__(self, url: str, api_key: SecretStr | None, *, read_timeout: float) -> None:
        """`read_timeout` is how many seconds the server can stay silent during a request."""
        self._url = url
        self._key = api_key
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=CONNECT_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=read_timeout
        )
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Create the session. Nothing is sent yet."""
        headers = {} if self._key is None else {"Authorization": f"Bearer {self._key.get_secret_value()}"}
        # Over http a prompt can be read on the way, so it only goes to private addresses.
        resolver = PrivateResolver() if self._url.startswith("http:") else ThreadedResolver()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, resolver=resolver),
            headers=headers,
            read_bufsize=LONGEST_LINE,
            timeout=self._timeout,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, *, seconds: float = CONNECT_SECONDS) -> Json | None:
        """Return the JSON at `path`, or None for an empty body. There is one attempt.

        Raises ServerError, and TimeoutError after `seconds`.
        """
        async with asyncio.timeout(seconds):
            body = await self._read("GET", path)
        return _parse(body) if body else None

    async def complete(self, body: Json) -> Json:
        """Return the answer of `/v1/completions`. Raises ServerError after the last attempt."""

        async def attempt() -> bytes:
            return await self._read("POST", "/v1/completions", body)

        return _parse(await _retry(attempt))

    async def stream(self, body: Json) -> AsyncIterator[Json]:
        """Yield the choices of `/v1/completions` with new token ids. Closing the iterator ends the request there.

        It is only tried again before the first ids. Raises ServerError.
        """
        body = body | {"stream": True, "return_token_ids": True}
        async with contextlib.AsyncExitStack() as stack:

            async def begin() -> tuple[AsyncIterator[Json], Json | None]:
                await stack.aclose()  # the attempt before
                with _connection_errors():
                    response = await stack.enter_async_context(self._request("POST", "/v1/completions", body))
                    choices = _streamed_choices(response)
                    return choices, await anext(choices, None)

            choices, first = await _retry(begin)
            if first is not None:
                yield first
            with _connection_errors():
                async for choice in choices:
                    yield choice

    async def _read(self, method: str, path: str, body: Json | None = None) -> bytes:
        with _connection_errors():
            async with self._request(method, path, body) as response:
                return await response.read()

    @contextlib.asynccontextmanager
    async def _request(self, method: str, path: str, body: Json | None = None) -> AsyncIterator[aiohttp.ClientResponse]:
        """Open a request. Raises ServerError for any status but 200."""
        if self._session is None:
            raise ServerError("it was closed")
        async with self._session.request(method, self._url + path, json=body, allow_redirects=False) as response:
            if response.status != 200:
                raise await _status_error(response)
            yield response


@contextlib.contextmanager
def _connection_errors() -> Iterator[None]:
    """Convert errors of the connection to ServerError."""
    try:
        yield
    except TimeoutError:  # aiohttp's are TimeoutErrors too
        raise TemporaryError("it did not answer in time") from None
    except aiohttp.ClientConnectorCertificateError:
        raise ServerError("its TLS certificate is not valid for this address") from None
    except (aiohttp.ClientError, OSError) as error:
        raise TemporaryError(_connection_problem(error), is_lost=True) from None


class PrivateResolver(AbstractResolver):
    """Resolves a host name, and refuses public addresses."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of `host`. Raises OSError."""
        found = await self._resolver.resolve(host, port, family)
        if any(ipaddress.ip_address(address["host"]).is_global for address in found):
            raise PublicAddress
        return found

    async def close(self) -> None:
        """Close the resolver."""
        await self._resolver.close()


class PublicAddress(OSError):
    """An http URL names a host with a public address."""


async def _retry(attempt: Callable[[], Coroutine[Any, Any, T]]) -> T:
    retrying = AsyncRetrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=_wait,
        retry=retry_if_exception_type(TemporaryError),
        reraise=True,
    )
    return await retrying(attempt)


def _wait(state: RetryCallState) -> float:
    """Return the seconds before the next attempt: random, so that many clients don't come back at once."""
    error = None if state.outcome is None else state.outcome.exception()
    asked = error.retry_after if isinstance(error, TemporaryError) else 0.0
    return max(_jitter(state), min(asked, LONGEST_WAIT))


async def _streamed_choices(response: aiohttp.ClientResponse) -> AsyncIterator[Json]:
    """Yield the choice of each server-sent event that has new token ids."""
    async for line in response.content:
        data = line.removeprefix(b"data: ").strip()
        if not data or not line.startswith(b"data: "):
            continue
        if data == b"[DONE]":
            return
        event = _parse(data)
        if "error" in event:
            raise TemporaryError("it failed during a request")
        (choice,) = event["choices"]
        if choice.get("token_ids"):
            yield choice
    raise TemporaryError("the connection was lost", is_lost=True)


async def _status_error(response: aiohttp.ClientResponse) -> ServerError:
    status = response.status
    if status == 400:
        try:
            reason = str(json.loads(await response.read())["error"]["message"])
        except (ValueError, KeyError, TypeError):
            reason = "no reason given"
        return RefusedRequest(reason)
    if status in (401, 403):
        return ServerError(f"it rejected BOT_VLLM_API_KEY (status {status})")
    if status == 429:
        return TemporaryError("it is busy (status 429)", retry_after=_seconds(response.headers.get("Retry-After")))
    if status >= 500:
        retry_after = _seconds(response.headers.get("Retry-After"))
        return TemporaryError(f"it failed with status {status}", retry_after=retry_after)
    return ServerError(f"it answered with status {status}, so it is not a vLLM server or not at this address")


def _seconds(header: str | None) -> float:
    try:
        return max(0.0, float(header or 0))
    except ValueError:  # a date
        return 0.0


def _connection_problem(error: Exception) -> str:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, PublicAddress) or isinstance(cause.__cause__, PublicAddress):
        return "its address is public, which needs https in BOT_VLLM_URL"
    if isinstance(cause, ConnectionRefusedError):
        return "nothing listens at its address"
    if isinstance(cause, socket.gaierror) or isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its host name was not found"
    return "the connection was lost"


def _parse(body: bytes) -> Json:
    try:
        parsed = json.loads(body)
    except ValueError:
        raise ServerError("its answer is not JSON, so it is not a vLLM server") from None
    if not isinstance(parsed, dict):
        raise ServerError("its answer is not a JSON object, so it is not a vLLM server")
    return parsed
