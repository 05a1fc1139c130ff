"""The requests that wait, in the order in which they will be taken: users take turns."""

from collections import deque
from itertools import zip_longest
from typing import Any

from bot.inference.request import Request


class WaitingLine:
    """Requests of several users: each has one taken before any has a second one, and their own keep their order."""

    def __init__(self) -> None:
        self._of_users: dict[int, deque[Request[Any]]] = {}  # in the order in which users take turns

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._of_users.values())

    def count(self, user_id: int) -> int:
        """Return how many of one user's requests wait."""
        return len(self._of_users.get(user_id, ()))

    def in_order(self) -> list[Request[Any]]:
        """Return all, the next one first."""
        turns = zip_longest(*self._of_users.values())
        return [request for turn in turns for request in turn if request is not None]

    def add(self, request: Request[Any]) -> None:
        """Let `request` wait behind its user's others."""
        self._of_users.setdefault(request.user_id, deque()).append(request)

    def take(self) -> Request[Any]:
        """Take the next one; its user goes to the back of the turn."""
        user_id, queue = next(iter(self._of_users.items()))
        request = queue.popleft()
        del self._of_users[user_id]
        if queue:
            self._of_users[user_id] = queue
        return request

    def remove(self, request: Request[Any]) -> None:
        """Take `request` out, if it waits."""
        queue = self._of_users.get(request.user_id)
        if queue is not None and request in queue:
            queue.remove(request)
            if not queue:
                del self._of_users[request.user_id]

    def clear(self) -> list[Request[Any]]:
        """Take all out."""
        requests = self.in_order()
        self._of_users.clear()
        return requests
