"""A place with the bot in it, for every command's tests."""

import pytest
import simcord

from tests.commands.people import Place


@pytest.fixture
async def place(simcord_env: simcord.Env) -> Place:
    """A server whose bot has loaded its model."""
    bot = simcord_env.bot
    bot.executor.wait_until_loaded()  # type: ignore[attr-defined]  # the bot is ours
    return Place.build(simcord_env)
