"""What is nobody's fault: the database, Discord or the model is away for now."""

import discord

from bot.answers.delivery import NO_NEWS_FROM_DISCORD, may_pass
from bot.errors import Interrupted, ModelUnavailable, Refusal, SentimentUnsupported
from bot.storage.refusal import is_away

_OUTAGES = (
    *NO_NEWS_FROM_DISCORD,
    discord.ConnectionClosed,
    discord.RateLimited,
    Interrupted,
    ModelUnavailable,
    Refusal,
    SentimentUnsupported,  # by this model, whatever it is asked
)


def is_outage(problem: BaseException) -> bool:
    """Return whether something is away for now, so that every message and channel would have failed the same way."""
    if isinstance(problem, discord.HTTPException):
        return may_pass(problem) or problem.status == 401  # 401 refuses the bot itself
    return isinstance(problem, _OUTAGES) or is_away(problem)


def where(problem: BaseException) -> str:
    """Return what a log may say of an exception: its kind and place. Its message may quote somebody's text."""
    trace = problem.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" in {trace.tb_frame.f_globals.get('__name__')}, line {trace.tb_lineno}"
    return f"{type(problem).__name__}{place}"
