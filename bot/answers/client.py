"""What an answer needs of the bot, and the interaction that leads to it."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Protocol, TypeAlias

import discord
from discord.ext import commands

from bot.answers.turns import Turns
from bot.engine.executor import ModelExecutor
from bot.settings import Settings

log = logging.getLogger(__name__)


class Stoppable(Protocol):
    """An answer that people may end before it is complete."""

    def stop(self) -> None:
        """End it with what there is, or cancel it where its computation has not begun."""
        ...


class OpenAnswers:
    """The commands, buttons and forms that are being answered at this moment."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()
        self._stoppable: dict[int, Stoppable] = {}

    @contextlib.contextmanager
    def stoppable(self, interaction_id: int, answer: Stoppable) -> Iterator[None]:
        """Let `answer` be found by the id of the interaction that asked. One may arrive twice: the first is found."""
        self._stoppable.setdefault(interaction_id, answer)
        try:
            yield
        finally:
            if self._stoppable.get(interaction_id) is answer:
                del self._stoppable[interaction_id]

    def find(self, interaction_id: int) -> Stoppable | None:
        """Return the answer to an interaction while it is being computed."""
        return self._stoppable.get(interaction_id)

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Count the current task among them."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # commands run in tasks
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    async def finish(self, seconds: float) -> None:
        """Wait until everything has been answered, for at most `seconds`; what is not by then is cancelled."""
        if not self._tasks:
            return
        _, unanswered = await asyncio.wait(set(self._tasks), timeout=seconds)
        for task in unanswered:
            task.cancel()
        if unanswered:
            log.warning("%d answers could not be delivered before the end", len(unanswered))


class BotClient(commands.Bot):
    """A client with settings and a model; the app's own class adds its life on Discord."""

    settings: Settings
    executor: ModelExecutor
    open_answers: OpenAnswers
    turns: Turns


Interaction: TypeAlias = discord.Interaction[BotClient]
