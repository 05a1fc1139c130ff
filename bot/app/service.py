"""`nightword run`: start the bot, run it until a signal, shut it down. Errors become one line with a remedy."""

import argparse
import asyncio
import logging
import signal

from pythonjsonlogger.json import JsonFormatter

from bot.app.client import Nightword
from bot.app.http import serve_endpoints
from bot.app.login import bot_token, check_processes, has_review_intents, login_errors, use_proxy
from bot.app.metrics import Metrics
from bot.engine.executor import build_executor
from bot.errors import IntentsMissing, ShuttingDown
from bot.questions.language_model import dtype_text
from bot.settings import Settings, read_settings

log = logging.getLogger(__name__)
_TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_JSON = "%(asctime)s %(levelname)s %(name)s %(message)s"


def run(arguments: argparse.Namespace) -> int:
    """Run the bot until SIGTERM or SIGINT. Raises ConfigurationError and DiscordUnreachable."""
    settings = read_settings(model=arguments.model, dtype=arguments.dtype)
    token = bot_token(settings)
    check_processes(settings)
    configure_logging(settings)
    use_proxy(settings)
    try:
        asyncio.run(_serve(settings, token))
    except IntentsMissing:
        if not settings.reviews:
            raise
        # The application has the intent, but Discord refused it all the same, or it was turned off meanwhile.
        asyncio.run(_serve(_without_reviews(settings), token))
    return 0


async def _serve(settings: Settings, token: str) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    if settings.reviews:
        with login_errors():
            settings = settings if await has_review_intents(token) else _without_reviews(settings)
    metrics = Metrics()
    bot = Nightword(settings, build_executor(settings, metrics), metrics)
    async with bot, serve_endpoints(bot, settings):  # a bot that is not entered can't be closed before it has logged in
        bot.executor.start()
        await _run(bot, token, stopped)


async def _run(bot: Nightword, token: str, stopped: asyncio.Event) -> None:
    """Load the model and connect at the same time. While the model loads, commands answer that it is loading."""
    tasks = [asyncio.create_task(work) for work in (_connect(bot, token), _load(bot), _fail(bot), stopped.wait())]
    connection, _, _, stop = tasks
    try:
        while not (connection.done() or stop.done()):
            done, _ = await asyncio.wait([task for task in tasks if not task.done()], return_when="FIRST_COMPLETED")
            for task in done:
                task.result()  # raises the task's error
    finally:
        log.info("shutting down")
        await bot.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _connect(bot: Nightword, token: str) -> None:
    with login_errors():
        await bot.start(token)


async def _fail(bot: Nightword) -> None:
    raise await bot.failure.get()


def _without_reviews(settings: Settings) -> Settings:
    log.warning(
        "review channels are off, because Discord refused the message content intent. Turn the intent on "
        "(Discord's developer portal, your application, Bot, Privileged Gateway Intents) and restart the bot, "
        "or set BOT_REVIEWS=false"
    )
    return settings.model_copy(update={"reviews": False})


async def _load(bot: Nightword) -> None:
    try:
        await asyncio.to_thread(bot.executor.wait_until_loaded)
    except ShuttingDown:  # the cause of the shutdown is reported elsewhere
        return
    info = bot.executor.status.model
    if info is not None and info.problem:
        log.warning("the model %s waits for its server: %s", bot.settings.model, info.problem)
        return
    how = ""
    if info is not None:
        dtype = dtype_text(info.dtype, info.quantization)
        how = ", ".join(filter(None, (f": {dtype} on {info.device}", info.engine_path)))
    log.info("the model %s is ready%s", bot.settings.model, how)
    if info is not None and info.path_reason:
        log.info("kernels measured at loading: %s", info.path_reason)


def configure_logging(settings: Settings) -> None:
    """Log at the level of `settings`, but libraries at INFO or above: at DEBUG they log tokens and messages."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(_JSON) if settings.log_json else logging.Formatter(_TEXT))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for library in ("discord", "simcord", "aiohttp", "aiosqlite", "matplotlib", "PIL"):
        logging.getLogger(library).setLevel(max(logging.INFO, logging.getLogger().level))
    logging.getLogger("alembic").setLevel(logging.WARNING)  # its two INFO lines at every start say nothing useful
