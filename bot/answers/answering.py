"""The way of every request: executor, result, renderer, interaction."""

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Callable
from typing import Literal, TypedDict, TypeVar

import discord

from bot.answers import error_reply
from bot.answers.answer import Answer
from bot.answers.client import Interaction
from bot.answers.delivery import ATTEMPT_SECONDS, NO_NEWS_FROM_DISCORD, Delivery, acknowledge, deliver
from bot.engine.executor import ModelExecutor
from bot.engine.waiting import Answered, Place
from bot.errors import RequestCancelled
from bot.questions.language_model import Question, RunInfo, Watcher
from bot.rendering.escaping import escape_prose
from bot.rendering.pictures.picture import Picture, drawn

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOK_SECONDS = 2.0  # after which to look whether the place in the queue is another
DRAFT = "draft"  # key of an interaction's extras: the message that its asker sees


class Progress(Watcher[T]):
    """Watches an answer, and shows what there is of it before it is complete."""

    changed: asyncio.Event  # set where there is something new
    withdrawn: bool  # whether its asker no longer wants an answer

    @abstractmethod
    def render(self, place: Place | None) -> Answer:
        """Return what there is to see now, at its place in the queue if it still waits."""


async def answer(
    interaction: Interaction,
    question: Question[T],
    render: Callable[[T, RunInfo], Answer],
    *,
    private: bool,
    progress: Progress[T] | None = None,
    draw: Callable[[T], Picture | None] | None = None,
) -> bool:
    """Ask the model `question` and answer with what `render` makes of it, for the asker alone if `private`.

    Refusals are raised before the interaction is deferred, since the defer fixes who sees the answer; one that has been
    deferred already is only edited. `progress` is shown until the answer is there, and `draw` draws the result off the
    event loop, as the answer's picture, where there is one. Return whether Discord took the answer.
    """
    executor = interaction.client.executor
    future = executor.submit(interaction.user.id, question, progress)
    try:
        if not (interaction.response.is_done() or await defer(interaction, private=private)):
            return False  # nobody is left to be answered
        if progress is not None:
            await _show(interaction, executor, progress, future)
        answered = await future
    finally:
        future.cancel()  # of no effect once it is done
    rendered = render(answered.result, answered.run)
    picture = None if draw is None else await drawn(draw, answered.result)
    if picture is not None:
        rendered = rendered.with_picture(picture)
    delivery = await deliver(interaction, lambda: _edit(interaction, rendered))
    if delivery is Delivery.EXPIRED and not private:
        await _post(interaction, rendered)
    return delivery is Delivery.DONE


async def reply(interaction: Interaction, shown: Answer) -> None:
    """Edit what was deferred into `shown`, again where Discord stumbles."""
    await deliver(interaction, lambda: _edit(interaction, shown))


async def defer(interaction: Interaction, *, private: bool) -> bool:
    """Acknowledge with "thinking"; return whether Discord took it. Raises AcknowledgedLate."""
    interaction.extras[error_reply.IS_PRIVATE] = private
    return await acknowledge(interaction, interaction.response.defer(thinking=True, ephemeral=private))


async def _show(
    interaction: Interaction, executor: ModelExecutor, progress: Progress[T], future: "asyncio.Future[Answered[T]]"
) -> None:
    """Edit what the asker sees whenever there is something new, until `future` is done; an edit may fail."""
    seen: discord.Embed | None = None
    while not future.done():
        changed = asyncio.create_task(progress.changed.wait())
        awaited: set[asyncio.Future[Answered[T]] | asyncio.Future[Literal[True]]] = {future, changed}
        try:
            await asyncio.wait(awaited, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
        if progress.withdrawn:
            raise RequestCancelled
        progress.changed.clear()
        shown = progress.render(executor.place(future))
        if future.done() or shown.embed == seen:
            continue
        seen = shown.embed
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await _edit(interaction, shown)
        except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
            log.info("interaction %s could not be shown its progress: %s", interaction.id, problem)
            if isinstance(problem, discord.NotFound | discord.Forbidden):  # nor will it be any more
                await asyncio.wait({future})


class _Around(TypedDict, total=False):
    """What is sent with a late answer, where there is any: discord.py takes no None for it."""

    view: discord.ui.View
    reference: discord.MessageReference


async def _post(interaction: Interaction, late: Answer) -> None:
    """Post an answer that came after the interaction's end into its channel, where the bot may write there."""
    channel = interaction.channel
    if interaction.guild_id is None or not isinstance(channel, discord.abc.Messageable):
        return
    draft = interaction.extras.get(DRAFT)
    around: _Around = {} if late.view is None else {"view": late.view}
    if draft is not None:
        around["reference"] = draft.to_reference(fail_if_not_exists=False)
    name = escape_prose(interaction.user.display_name)
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS):
            await channel.send(
                f"For {name}: this took longer than Discord keeps a command open.",
                embed=late.embed,
                files=late.files(),
                **around,
            )
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
        log.warning("the late answer to interaction %s could not be posted: %s", interaction.id, problem)


async def _edit(interaction: Interaction, shown: Answer) -> None:
    interaction.extras[DRAFT] = await interaction.edit_original_response(
        embed=shown.embed, attachments=shown.files(), view=shown.view
    )
