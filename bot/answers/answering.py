"""How every request is answered: submit to the executor, wait, render the result, edit the interaction."""

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
from bot.answers.message_state import place_state
from bot.engine.executor import ModelExecutor
from bot.engine.waiting import Answered, Place
from bot.errors import RequestCancelled
from bot.questions.language_model import Question, RunInfo, Watcher
from bot.rendering.escaping import escape_prose
from bot.rendering.pictures.picture import Picture, draw_in_thread

log = logging.getLogger(__name__)

T = TypeVar("T")

QUEUE_POLL_SECONDS = 2.0  # how often the shown place in the queue is updated
DRAFT = "draft"  # key in an interaction's extras: the message that shows the draft or the answer


class Progress(Watcher[T]):
    """Watches a computation and renders its partial results."""

    changed: asyncio.Event  # set when there is something new to show
    is_withdrawn: bool  # whether the asker cancelled the request

    @abstractmethod
    def render(self, place: Place | None) -> Answer:
        """Return the current draft, or `place` in the queue if the request is still waiting."""


async def answer(
    interaction: Interaction,
    question: Question[T],
    render: Callable[[T, RunInfo], Answer],
    *,
    private: bool,
    progress: Progress[T] | None = None,
    draw: Callable[[T], Picture | None] | None = None,
) -> bool:
    """Ask the model `question` and reply with the rendered result. Return whether Discord accepted the answer.

    Only the asker sees the answer if `private`. A Refusal is raised before the interaction is deferred, because the
    defer decides who sees the reply. An interaction that is already deferred is only edited. `progress` is shown while
    the model computes. `draw` runs off the event loop and returns the answer's picture, or None for no picture.
    """
    executor = interaction.client.executor
    future = executor.submit(interaction.user.id, question, progress)
    try:
        if not (interaction.response.is_done() or await defer(interaction, private=private)):
            return False  # the interaction is gone, so there is nowhere to answer
        if progress is not None:
            await _show(interaction, executor, progress, future)
        answered = await future
    finally:
        future.cancel()  # has no effect on a finished future
    rendered = render(answered.result, answered.run)
    picture = None if draw is None else await draw_in_thread(draw, answered.result)
    if picture is not None:
        rendered = rendered.with_picture(picture)
    client = interaction.client
    shown = await asyncio.to_thread(place_state, rendered, needs_file=client.picture_receipts.need_file())
    delivery = await deliver(interaction, lambda: _edit(interaction, shown))
    if delivery is Delivery.EXPIRED and not private:
        await _post(interaction, shown)
    if delivery is Delivery.DONE and picture is not None and rendered.state is not None:
        client.open_answers.run_beside(client.picture_receipts.check(client, interaction.extras[DRAFT]))
    return delivery is Delivery.DONE


async def reply(interaction: Interaction, shown: Answer) -> None:
    """Replace the deferred response with `shown`, with retries."""
    await deliver(interaction, lambda: _edit(interaction, shown))


async def defer(interaction: Interaction, *, private: bool) -> bool:
    """Defer with "thinking" and return whether Discord accepted it. Raises AcknowledgedLate."""
    interaction.extras[error_reply.IS_PRIVATE] = private
    return await acknowledge(interaction, interaction.response.defer(thinking=True, ephemeral=private))


async def _show(
    interaction: Interaction, executor: ModelExecutor, progress: Progress[T], future: "asyncio.Future[Answered[T]]"
) -> None:
    """Edit the response on every change until `future` is done. A failed edit is only logged."""
    seen: discord.Embed | None = None
    while not future.done():
        changed = asyncio.create_task(progress.changed.wait())
        awaited: set[asyncio.Future[Answered[T]] | asyncio.Future[Literal[True]]] = {future, changed}
        try:
            await asyncio.wait(awaited, timeout=QUEUE_POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
        if progress.is_withdrawn:
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
            log.info("could not show progress of interaction %s: %s", interaction.id, problem)
            if isinstance(problem, discord.NotFound | discord.Forbidden):  # every later edit would fail too
                await asyncio.wait({future})


class _SendOptions(TypedDict, total=False):
    """Optional arguments of `send`: discord.py does not accept None for them."""

    view: discord.ui.View
    reference: discord.MessageReference


async def _post(interaction: Interaction, late: Answer) -> None:
    """Post an answer in the channel after its interaction has expired, if the bot can write there."""
    channel = interaction.channel
    if interaction.guild_id is None or not isinstance(channel, discord.abc.Messageable):
        return
    draft = interaction.extras.get(DRAFT)
    options: _SendOptions = {} if late.view is None else {"view": late.view}
    if draft is not None:
        options["reference"] = draft.to_reference(fail_if_not_exists=False)
    name = escape_prose(interaction.user.display_name)
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS):
            await channel.send(
                f"For {name}: this answer took longer than the 15 minutes that Discord keeps a command open.",
                embed=late.embed,
                files=late.files(),
                **options,
            )
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
        log.warning("could not post the late answer to interaction %s: %s", interaction.id, problem)


async def _edit(interaction: Interaction, shown: Answer) -> None:
    interaction.extras[DRAFT] = await interaction.edit_original_response(
        embed=shown.embed, attachments=shown.files(), view=shown.view
    )
