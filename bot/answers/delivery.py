"""Deliver an answer to Discord: in time, with retries where they help, and never twice."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import Enum

import aiohttp
import discord

from bot.answers.client import Interaction
from bot.answers.endings import report_acknowledged, set_ending
from bot.answers.observer import Ending
from bot.errors import AcknowledgedLate

ACKNOWLEDGE_SECONDS = 2.5  # Discord waits 3 s; discord.py on its own would still retry after that
ATTEMPT_SECONDS = 20.0  # for one attempt, including discord.py's own retries after a 5xx
TOKEN_EXPIRED = (10015, 50027)  # unknown webhook, invalid webhook token
PAUSES = (2.0, 10.0, 30.0)  # seconds between attempts
MAYBE_ACKNOWLEDGED = "maybe_acknowledged"  # key in an interaction's extras: set if Discord didn't confirm
NO_NEWS_FROM_DISCORD = (TimeoutError, aiohttp.ClientError, OSError)

log = logging.getLogger(__name__)


async def acknowledge(interaction: Interaction, response: Awaitable[object]) -> bool:
    """Send the first `response` to `interaction`; return whether Discord accepted it. Raises AcknowledgedLate."""
    try:
        async with asyncio.timeout(ACKNOWLEDGE_SECONDS):
            await response
    except discord.HTTPException as refusal:
        log.warning("interaction %s could not be acknowledged: %s", interaction.id, refusal)
        set_ending(interaction, Ending.UNACKNOWLEDGED)
        return False
    except NO_NEWS_FROM_DISCORD:
        log.warning("interaction %s was not acknowledged within %g s", interaction.id, ACKNOWLEDGE_SECONDS)
        interaction.extras[MAYBE_ACKNOWLEDGED] = True
        raise AcknowledgedLate from None
    report_acknowledged(interaction)
    return True


async def send_private(interaction: Interaction, embed: discord.Embed) -> None:
    """Send an embed that only the user of this interaction sees. A failure is only logged."""
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS):
            await interaction.followup.send(embed=embed, ephemeral=True)
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as failure:
        log.warning("could not send a private reply: %s", failure or type(failure).__name__)


class Delivery(Enum):
    """How a delivery ended."""

    DONE = "done"
    EXPIRED = "expired"  # Discord accepts answers to a command for 15 minutes
    GIVEN_UP = "given up"


async def deliver(interaction: Interaction, edit: Callable[[], Awaitable[object]]) -> Delivery:
    """Call `edit` until Discord accepts it: at most four times within about two minutes. Return how it ended.

    `edit` must be safe to repeat. A delivery that is not DONE is logged.
    """
    for pause in (*PAUSES, None):
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await edit()
        except discord.HTTPException as refusal:
            if refusal.status == 400:  # Discord found the answer invalid: that is a bug
                raise
            problem: BaseException = refusal
        except NO_NEWS_FROM_DISCORD as silence:
            problem = silence
        else:
            return Delivery.DONE
        if pause is None or not is_retryable(problem) or interaction.is_expired():
            break
        await asyncio.sleep(max(pause, _retry_after(problem)))
    token_expired = isinstance(problem, discord.HTTPException) and problem.code in TOKEN_EXPIRED
    set_ending(interaction, Ending.UNDELIVERED)
    outcome = Delivery.EXPIRED if token_expired or interaction.is_expired() else Delivery.GIVEN_UP
    log.warning(
        "could not deliver the answer to interaction %s (%s): %s",
        interaction.id,
        outcome.value,
        problem or type(problem).__name__,
    )
    return outcome


def is_retryable(problem: BaseException) -> bool:
    """Return whether a retry can help. It can't if the token has expired or the message was deleted."""
    return not isinstance(problem, discord.HTTPException) or problem.status == 429 or problem.status >= 500


def _retry_after(problem: BaseException) -> float:
    """Return the seconds of Discord's Retry-After header, or 0. RFC 9110, 10.2.3, without the date form."""
    if not isinstance(problem, discord.HTTPException):
        return 0.0
    try:
        return float(problem.response.headers.get("Retry-After", 0))
    except ValueError:
        return 0.0
