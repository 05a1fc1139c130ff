"""The way of every request: executor, result, renderer, interaction."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import discord

from bot import error_reply
from bot.delivery import acknowledge, deliver
from bot.inference.executor import ModelExecutor
from bot.inference.model import LanguageModel, ShouldStop
from bot.inference.request import Operation
from bot.rendering.answer import Answer, Computed

T = TypeVar("T")

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
    try:
        taken = await acknowledge(interaction, interaction.response.defer(thinking=True, ephemeral=private))
    except BaseException:
        future.cancel()
        raise
    if not taken:  # nobody is left to be answered
        future.cancel()
        return
    rendered = render(*await future)
    await deliver(
        interaction,
        lambda: interaction.edit_original_response(embed=rendered.embed, attachments=rendered.files()),
    )
