"""What an answer needs of the bot, and the interaction that leads to it."""

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Iterator
from typing import Protocol, TypeAlias
from weakref import WeakValueDictionary

import discord
from discord.ext import commands

from bot.engine.executor import ModelExecutor
from bot.settings import Settings

REMEMBERED = 1000  # messages whose latest turn is known: presses at the same time meet within seconds

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


class Turns:
    """The turns taken below messages, and the changes under way, by the message's id.

    Presses that arrive at the same time take each turn once, and their changes come one after another.
    """

    def __init__(self) -> None:
        self._latest: OrderedDict[int, int] = OrderedDict()
        self._changing: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def is_taken(self, message_id: int, turn: int) -> bool:
        """Return whether someone has taken this turn."""
        return self._latest.get(message_id, turn) > turn

    def take(self, message_id: int, turn: int) -> None:
        """Take a turn."""
        self._latest[message_id] = turn + 1
        self._latest.move_to_end(message_id)
        if len(self._latest) > REMEMBERED:
            self._latest.popitem(last=False)

    def give_back(self, message_id: int) -> None:
        """Let the turn be taken again, because nothing came of it."""
        self._latest.pop(message_id, None)

    def one_at_a_time(self, message_id: int) -> asyncio.Lock:
        """Return the lock under which a message is changed."""
        return self._changing.setdefault(message_id, asyncio.Lock())


class BotClient(commands.Bot):
    """A client with settings and a model; the app's own class adds its life on Discord."""

    settings: Settings
    executor: ModelExecutor
    open_answers: OpenAnswers
    turns: Turns


Interaction: TypeAlias = discord.Interaction[BotClient]
