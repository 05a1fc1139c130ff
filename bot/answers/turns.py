"""Presses below one message that arrive at the same time: each turn is taken once, changes come one after another."""

import asyncio
from collections import OrderedDict
from weakref import WeakValueDictionary

REMEMBERED = 1000  # messages whose latest turn is known: presses at the same time meet within seconds


class Turns:
    """The turns that were taken below messages, and the changes under way, by the message's id."""

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
