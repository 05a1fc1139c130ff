"""Getting an answer to Discord: in time, again where that helps, and never twice."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import Enum

import aiohttp
import discord

from bot.answers.client import Interaction
from bot.errors import AcknowledgedLate

ACKNOWLEDGE_SECONDS = 2.5  # Discord waits for 3; the library alone would try again after that
ATTEMPT_SECONDS = 20.0  # for one attempt, in which the library repeats what ends with a 5xx
TOKEN_EXPIRED = (10015, 50027)  # unknown webhook, invalid webhook token
PAUSES = (2.0, 10.0, 30.0)  # seconds between attempts
MAYBE_ACKNOWLEDGED = "maybe_acknowledged"  # key of an interaction's extras: Discord did not say whether it took it
NO_NEWS_FROM_DISCORD = (TimeoutError, aiohttp.ClientError, OSError)

log = logging.getLogger(__name__)


async def acknowledge(interaction: Interaction, response: Awaitable[object]) -> bool:
    """Await the first `response` to `interaction`; return whether Discord took it. Raises AcknowledgedLate."""
    try:
        async with asyncio.timeout(ACKNOWLEDGE_SECONDS):
            await response
    except discord.HTTPException as refusal:
        log.warning("interaction %s could not be acknowledged: %s", interaction.id, refusal)
        return False
    except NO_NEWS_FROM_DISCORD:
        log.warning("interaction %s was not acknowledged within %g s", interaction.id, ACKNOWLEDGE_SECONDS)
        interaction.extras[MAYBE_ACKNOWLEDGED] = True
        raise AcknowledgedLate from None
    return True


async def tell(interaction: Interaction, embed: discord.Embed) -> None:
    """Tell who pressed or filled in something, and nobody else; where Discord does not take it, it is logged."""
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS):
            await interaction.followup.send(embed=embed, ephemeral=True)
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as failure:
        log.warning("the button's presser was not told: %s", failure or type(failure).__name__)


class Delivery(Enum):
    """What became of an answer."""

    DONE = "done"
    EXPIRED = "expired"  # Discord takes answers to a command for 15 minutes
    GIVEN_UP = "given up"


async def deliver(interaction: Interaction, edit: Callable[[], Awaitable[object]]) -> Delivery:
    """Edit what the asker sees until Discord takes it, a few times over two minutes; return what became of it.

    Only what can be repeated without harm may be delivered like this. What is not done is logged.
    """
    for pause in (*PAUSES, None):
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await edit()
        except discord.HTTPException as refusal:
            if refusal.status == 400:  # what Discord finds wrong with an answer is a bug
                raise
            problem: BaseException = refusal
        except NO_NEWS_FROM_DISCORD as silence:
            problem = silence
        else:
            return Delivery.DONE
        if pause is None or not may_pass(problem) or interaction.is_expired():
            break
        await asyncio.sleep(max(pause, _retry_after(problem)))
    token_expired = isinstance(problem, discord.HTTPException) and problem.code in TOKEN_EXPIRED
    outcome = Delivery.EXPIRED if token_expired or interaction.is_expired() else Delivery.GIVEN_UP
    log.warning(
        "the answer to interaction %s was %s: %s", interaction.id, outcome.value, problem or type(problem).__name__
    )
    return outcome


def may_pass(problem: BaseException) -> bool:
    """Return whether to try again: not where the token has expired, or the asker deleted what was to be edited."""
    return not isinstance(problem, discord.HTTPException) or problem.status == 429 or problem.status >= 500


def _retry_after(problem: BaseException) -> float:
    """Return the seconds for which Discord asked, 0 where it did not. RFC 9110, 10.2.3, without its dates."""
    if not isinstance(problem, discord.HTTPException):
        return 0.0
    try:
        return float(problem.response.headers.get("Retry-After", 0))
    except ValueError:
        return 0.0
