"""A server with the bot, for the tests of every command."""

from collections.abc import Iterator

import pytest
import simcord

from tests.contract import check_request, has_document
from tests.features.people import Place


@pytest.fixture
async def place(simcord_env: simcord.Env) -> Place:
    """A server whose bot has loaded its model."""
    bot = simcord_env.bot
    bot.executor.wait_until_loaded()  # type: ignore[attr-defined]  # the bot is ours
    return Place.build(simcord_env)


@pytest.fixture(autouse=True)
def _contract(simcord_env: simcord.Env) -> Iterator[None]:
    """Check every request of every test against Discord's OpenAPI document."""
    yield
    if has_document():
        for request in simcord_env.http_requests:
            check_request(request.method, request.path, request.json)
