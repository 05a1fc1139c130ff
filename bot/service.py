"""The bot on Discord, from its token to its end; what goes wrong becomes one line with a remedy."""

import argparse
import asyncio
import logging
import re
import signal

import aiohttp
import discord

from bot.client import Nightword, build_executor
from bot.errors import DiscordUnreachable, IntentsMissing, TokenMissing, TokenRejected
from bot.logs import configure_logging
from bot.settings import Settings, read_settings

log = logging.getLogger(__name__)

# Three parts of base64: the bot's id, the time, a signature.
_TOKEN = re.compile(r"[\w-]{18,}\.[\w-]{5,}\.[\w-]{20,}")


def run(arguments: argparse.Namespace) -> int:
    """Run the bot until SIGTERM or SIGINT. Raises ConfigurationError and DiscordUnreachable."""
    settings = read_settings(model=arguments.model, dtype=arguments.dtype)
    token = bot_token(settings)
    configure_logging(settings)
    asyncio.run(_serve(settings, token))
    return 0


def bot_token(settings: Settings) -> str:
    """Return the token. Raises TokenMissing, which never shows what stands in its place."""
    if settings.discord_token is None:
        raise TokenMissing("is not set")
    token = settings.discord_token.get_secret_value().strip()
    if not _TOKEN.fullmatch(token):
        raise TokenMissing("does not look like a bot token, which has three parts with a dot between them")
    return token


async def _serve(settings: Settings, token: str) -> None:
    """Load the model and connect side by side: while it loads, commands answer that it does."""
    bot = Nightword(settings, build_executor(settings))
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    bot.executor.start()
    tasks = [asyncio.create_task(work) for work in (_connect(bot, token), _load(bot), stopped.wait())]
    connection, _, stop = tasks
    try:
        while not (connection.done() or stop.done()):
            done, _ = await asyncio.wait([task for task in tasks if not task.done()], return_when="FIRST_COMPLETED")
            for task in done:
                task.result()  # raises what it ended with
    finally:
        log.info("closing")
        await bot.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _connect(bot: Nightword, token: str) -> None:
    try:
        await bot.start(token)
    except discord.LoginFailure:
        raise TokenRejected from None
    except discord.PrivilegedIntentsRequired:
        raise IntentsMissing from None
    except discord.HTTPException as error:
        raise DiscordUnreachable(f"it answered with status {error.status}") from None
    except (aiohttp.ClientError, discord.GatewayNotFound, TimeoutError, OSError) as error:
        raise DiscordUnreachable(str(error) or type(error).__name__) from None


async def _load(bot: Nightword) -> None:
    await asyncio.to_thread(bot.executor.wait_until_loaded)
    log.info("the model %s is ready", bot.settings.model)
