"""A server with messages that an earlier version posted."""

import pytest
import simcord

from tests.compatibility.earlier import Readers


@pytest.fixture
async def readers(simcord_env: simcord.Env) -> Readers:
    simcord_env.bot.executor.wait_until_loaded()  # type: ignore[attr-defined]  # the bot is ours
    return Readers.build(simcord_env)
