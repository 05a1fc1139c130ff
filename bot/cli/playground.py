"""`nightword playground`: the bot in a simulated Discord on a local web page, without token, account or network."""

import argparse
import asyncio
import contextlib
import importlib.util
import logging
import signal
import sys
import tempfile
import webbrowser
from collections.abc import AsyncIterator

import discord
from pydantic import SecretStr

from bot.app.client import Nightword
from bot.app.service import configure_logging
from bot.engine.executor import ModelExecutor, build_executor
from bot.errors import PlaygroundUnavailable
from bot.questions.language_model import DEMO
from bot.settings import Settings, read_settings

# Seconds before the page gives up on a command.
SETTLE_TIMEOUT = 1800.0

WELCOME = {
    "playground": (
        "**Welcome!** I let you explore a small language model. Type `/` and try:\n"
        "`/topk prompt:It was a dark and stormy` which token comes next, and how sure is the model?\n"
        "`/continue prompt:It was a dark and stormy` continue the text: greedy, sampled or by beam search\n"
        "`/sentiment review:I laughed all the way home.` positive or negative, with the evidence\n"
        "`/decide question:sentiment text:I laughed all the way home.` any question with labels, ready-made or yours\n"
        "`/tokenize text:dark and stormy` split a text into the model's tokens\n"
        "`/xray text:The old man looked at the banana.` which words surprise the model\n"
        "`/why prompt:It was a dark and stormy` which words make one token more probable than another\n"
        "`/guess` guess the next token yourself\n`/help` list all commands"
    ),
    "reviews": (
        "People post reviews here, and `/sentiment` judges one. As Morgan, the moderator, you can have the bot score "
        "every message: type `/review watch channel:reviews`, post a few reviews, then type "
        "`/review preview channel:reviews`."
    ),
    "moderators": (
        "The bot watches #reviews for Morgan, the moderator, and posts a card here for each negative message. Press "
        "*Claim*, *Note*, *Confirm* or *Dismiss*, then try `/review status`, `/review case number:1` and "
        "`/review preview channel:reviews`."
    ),
}
REVIEWS = (
    "The acting was wonderful and I laughed all the way through.",
    "Two hours of my life that I will never get back. The plot makes no sense.",
)


def run(arguments: argparse.Namespace) -> int:
    """Serve the playground until Ctrl-C. Raises PlaygroundUnavailable and ModelUnavailable."""
    if importlib.util.find_spec("simcord") is None or importlib.util.find_spec("av") is None:
        raise PlaygroundUnavailable(
            "The playground needs extra packages. Run pip install 'nightword[playground]', or make playground."
        )
    settings = read_settings(model=arguments.model, dtype=arguments.dtype)
    with tempfile.TemporaryDirectory() as folder:
        # Settings for the real Discord don't apply here, and neither does the real database.
        overrides: dict[str, object] = {"guild_ids": (), "heartbeat_file": None, "http_port": None, "reviews": True}
        overrides |= {"shard_count": 1, "shard_ids": None}
        overrides["database_url"] = SecretStr(f"sqlite+aiosqlite:///{folder}/playground.db")
        return _run(settings.model_copy(update=overrides), arguments)


def _run(settings: Settings, arguments: argparse.Namespace) -> int:
    configure_logging(settings)
    logging.getLogger("discord").setLevel(logging.ERROR)  # it warns about things that only a real connection has
    logging.getLogger("bot.app.command_sync").setLevel(
        logging.ERROR
    )  # commands are registered with the simulation only
    if "model" not in settings.model_fields_set:
        settings = settings.model_copy(update={"model": DEMO})
    return asyncio.run(_serve(settings, arguments.port, arguments.channel, arguments.open))


async def _serve(settings: Settings, port: int, channel: str, open_browser: bool) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    executor = build_executor(settings)
    executor.start()
    print(f"Loading the model {settings.model} …", file=sys.stderr, flush=True)
    if not await _wait_for_model(executor, stop):
        return 0
    async with _page(Nightword(settings, executor), channel, port) as url:
        print(f"Nightword's playground: {url}\nPress Ctrl-C to stop it.", flush=True)
        if open_browser:
            webbrowser.open(url)
        await stop.wait()
    return 0


async def _wait_for_model(executor: ModelExecutor, stop: asyncio.Event) -> bool:
    """Wait for the model. Return whether it loaded before `stop` was set. Raises the loading error."""
    loading = asyncio.create_task(asyncio.to_thread(executor.wait_until_loaded))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([loading, stopping], return_when="FIRST_COMPLETED")
    if not loading.done():
        await asyncio.to_thread(executor.close)
        await asyncio.gather(loading, return_exceptions=True)
        return False
    stopping.cancel()
    loading.result()
    return True


@contextlib.asynccontextmanager
async def _page(bot: Nightword, channel_name: str, port: int) -> AsyncIterator[str]:
    """Yield the address of a page that shows `bot` in a server with three channels and two people."""
    import simcord

    try:
        async with simcord.run(bot, settle_timeout=SETTLE_TIMEOUT, check_errors=False, shard_count=1) as simulation:
            simulation.backend.bot_user.name = "Nightword"
            guild = simulation.create_guild("Nightword's playground")
            moderators = guild.create_role(
                "Moderators", permissions=discord.Permissions(manage_messages=True), color=0x57F287
            )
            channels = {name: guild.create_text_channel(name) for name in WELCOME}
            member = guild.add_member(simulation.create_user("ada", global_name="Ada (member)"))
            moderator = guild.add_member(
                simulation.create_user("morgan", global_name="Morgan (moderator)"), roles=[moderators]
            )
            await simulation.settle()
            for name, channel in channels.items():
                await bot.get_partial_messageable(channel.id).send(WELCOME[name])
            viewers = [member, moderator]
            if channel_name == "moderators":
                viewers = [moderator]
                # Only a live place shows cards with buttons.
                reviews, log_channel = channels["reviews"], channels["moderators"]
                options = {"channel": reviews, "flag_below": 0.5, "log_channel": log_channel}
                await moderator.slash(log_channel, "review watch", **options)
                await moderator.slash(log_channel, "review live", channel=reviews)
            for review in REVIEWS:
                await member.send(channels["reviews"], review)
            await simulation.settle()
            preview = simulation.preview(channels[channel_name], viewers=viewers, layout="channel", port=port)
            async with contextlib.AsyncExitStack() as stack:
                try:
                    await stack.enter_async_context(preview)
                except simcord.SetupError as error:
                    reason = getattr(error.__cause__, "strerror", None) or error
                    raise PlaygroundUnavailable(
                        f"The playground can't listen on port {port}: {reason}. Choose another port with --port."
                    ) from None
                yield preview.url
    finally:
        await bot.close()
