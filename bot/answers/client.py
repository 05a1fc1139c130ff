"""The part of the bot that answers use: settings, executor, open answers, turns, …; the type `Interaction`."""

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Protocol, TypeAlias
from weakref import WeakValueDictionary

import discord
from discord.ext import commands

from bot.answers.observer import AnswerObserver
from bot.engine.executor import ModelExecutor
from bot.settings import Settings
from bot.storage.shards import shard_of

if TYPE_CHECKING:  # it imports this module
    from bot.answers.picture_receipts import PictureReceipts

REMEMBERED = 1000  # messages whose latest turn is kept; presses only collide within seconds of each other

log = logging.getLogger(__name__)


class Stoppable(Protocol):
    """An answer that people can stop before it is complete."""

    def stop(self) -> None:
        """Finish with the text so far, or cancel if the computation has not begun."""
        ...


class OpenAnswers:
    """The commands, buttons and forms that are being answered now."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()
        self._stoppable: dict[int, Stoppable] = {}

    @contextlib.contextmanager
    def stoppable(self, interaction_id: int, answer: Stoppable) -> Iterator[None]:
        """Register `answer` under its interaction's id. If an interaction arrives twice, the first one counts."""
        self._stoppable.setdefault(interaction_id, answer)
        try:
            yield
        finally:
            if self._stoppable.get(interaction_id) is answer:
                del self._stoppable[interaction_id]

    def __len__(self) -> int:
        return len(self._tasks)

    def find(self, interaction_id: int) -> Stoppable | None:
        """Return the answer that is being computed for this interaction, or None."""
        return self._stoppable.get(interaction_id)

    @contextlib.contextmanager
    def track(self) -> Iterator[None]:
        """Count the current task as an open answer, so that `finish` waits for it."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # commands run in tasks
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    def run_beside(self, work: Coroutine[object, object, None]) -> None:
        """Run `work` in a task of its own that counts as an open answer, so that `finish` waits for it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, seconds: float) -> None:
        """Wait at most `seconds` for all open answers, then cancel the rest."""
        if not self._tasks:
            return
        _, unanswered = await asyncio.wait(set(self._tasks), timeout=seconds)
        for task in unanswered:
            task.cancel()
        if unanswered:
            log.warning("shut down before %d answers were delivered", len(unanswered))


class Turns:
    """Turns and locks by message id.

    Of several presses at the same moment, only one takes a turn. Changes to one message run one after another.
    """

    def __init__(self) -> None:
        self._latest: OrderedDict[int, int] = OrderedDict()
        self._changing: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def is_taken(self, message_id: int, turn: int) -> bool:
        """Return whether this turn has been taken."""
        return self._latest.get(message_id, turn) > turn

    def take(self, message_id: int, turn: int) -> None:
        """Mark a turn as taken."""
        self._latest[message_id] = turn + 1
        self._latest.move_to_end(message_id)
        if len(self._latest) > REMEMBERED:
            self._latest.popitem(last=False)

    def release(self, message_id: int) -> None:
        """Release a turn whose change failed, so that it can be taken again."""
        self._latest.pop(message_id, None)

    def lock(self, message_id: int) -> asyncio.Lock:
        """Return the lock to hold while changing a message."""
        return self._changing.setdefault(message_id, asyncio.Lock())


class BotClient(commands.AutoShardedBot):
    """A client with settings and a model. The app's subclass adds login, shutdown and everything else."""

    settings: Settings
    executor: ModelExecutor
    open_answers: OpenAnswers
    turns: Turns
    picture_receipts: "PictureReceipts"
    observer: AnswerObserver
    connected_shards: set[int]  # those whose servers are known and whose events arrive

    def has_seen(self, guild_id: int) -> bool:
        """Return whether this process knows all servers on the shard of a server, so that a missing one is gone."""
        return self.shard_count is not None and shard_of(guild_id, self.shard_count) in self.connected_shards


Interaction: TypeAlias = discord.Interaction[BotClient]
