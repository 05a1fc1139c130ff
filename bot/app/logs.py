"""The log on standard error: lines for people, or a JSON object a line."""

import logging

from pythonjsonlogger.json import JsonFormatter

from bot.settings import Settings

_TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_JSON = "%(asctime)s %(levelname)s %(name)s %(message)s"


def configure_logging(settings: Settings) -> None:
    """Log at the level of `settings`; no library below INFO that would log tokens, messages or what is stored there."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(_JSON) if settings.log_json else logging.Formatter(_TEXT))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for library in ("discord", "simcord", "aiohttp", "aiosqlite", "matplotlib", "PIL"):
        logging.getLogger(library).setLevel(max(logging.INFO, logging.getLogger().level))
    logging.getLogger("alembic").setLevel(logging.WARNING)  # what it does at every start is no news
