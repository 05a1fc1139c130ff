"""The way of every request: executor, result, renderer, interaction."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

import discord

from bot import error_reply
from bot.inference.executor import ModelExecutor, Operation
from bot.inference.model import LanguageModel, ShouldStop
from bot.rendering.answer import Answer, Computed

log = logging.getLogger(__name__)

T = TypeVar("T")
ACKNOWLEDGE_SECONDS = 2.5  # Discord waits for 3; the library alone would try again after that

PRIVATE_OPTION = "Show the answer to you alone"  # the description of an option that every command has


async def answer(
    interaction: discord.Interaction[Any],
    executor: ModelExecutor,
    operation: Operation[T],
    render: Callable[[T, Computed], Answer],
    *,
    private: bool,
) -> None:
    """Compute `operation` on the model and answer with what `render` makes of it, for the asker alone if `private`.

    Refusals are raised before the interaction is deferred, since the defer fixes who sees the answer.
    """

    def timed(model: LanguageModel, should_stop: ShouldStop) -> tuple[T, Computed]:
        began = time.perf_counter()
        result = operation(model, should_stop)
        return result, Computed(model.info, time.perf_counter() - began)

    future = executor.submit(interaction.user.id, timed)
    interaction.extras[error_reply.IS_PRIVATE] = private
    if not await _acknowledged(interaction, private):
        future.cancel()
        return
    rendered = render(*await future)
    await interaction.edit_original_response(embed=rendered.embed, attachments=rendered.files())


async def _acknowledged(interaction: discord.Interaction[Any], private: bool) -> bool:
    """Return whether Discord took the acknowledgement; where it did not, nobody can be answered any more."""
    try:
        async with asyncio.timeout(ACKNOWLEDGE_SECONDS):
            await interaction.response.defer(thinking=True, ephemeral=private)
    except TimeoutError:
        log.warning("interaction %s was not acknowledged within %g s", interaction.id, ACKNOWLEDGE_SECONDS)
    except discord.HTTPException as refusal:
        log.warning("interaction %s could not be acknowledged: %s", interaction.id, refusal)
    else:
        return True
    return False
