"""Runs several operations on one thread and computes their forward passes together.

An operation is plain sequential code in a greenlet. When it needs a forward pass, it is suspended until the other
operations need one too or have ended.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from greenlet import getcurrent, greenlet

from bot.errors import RequestCancelled


class ForwardPass(Protocol):
    """A forward pass that an operation is waiting for."""

    def compute_together(self, waiting: "list[ForwardPass]") -> "list[tuple[ForwardPass, object]]":
        """Compute some of `waiting`, all of this class, and return the finished ones with their results."""
        ...


@dataclass(eq=False, slots=True)
class _Task:
    """A running operation: its greenlet, the pass it is waiting for, and the callback for its end."""

    run: greenlet
    should_stop: Callable[[], bool]
    on_end: "EndCallback"
    background: bool
    waits_for: ForwardPass | None = None


EndCallback = Callable[[object, BaseException | None], None]


def wait_for(forward_pass: ForwardPass) -> object:
    """Return the pass's result. It is computed together with those of other operations, if there are any."""
    scheduler = getcurrent().parent
    if scheduler is None:  # called outside a scheduler, so there are no other operations
        while not (computed := forward_pass.compute_together([forward_pass])):
            pass  # a long prompt is computed in several pieces
        return computed[0][1]
    result: object = scheduler.switch(forward_pass)
    return result


def let_others_run() -> None:
    """Suspend the current operation until every other operation has had a forward pass."""
    scheduler = getcurrent().parent
    if scheduler is not None:
        scheduler.switch(None)


class Scheduler:
    """Advances several operations. Everything runs on the calling thread."""

    def __init__(self) -> None:
        self._tasks: list[_Task] = []

    def __len__(self) -> int:
        return len(self._tasks)

    def start(
        self,
        operation: Callable[[], object],
        should_stop: Callable[[], bool],
        on_end: EndCallback,
        *,
        background: bool = False,
    ) -> None:
        """Run `operation` up to its first forward pass. When it ends, `on_end` is called with its result or error.

        A `background` operation continues only while all operations are background operations.
        """
        task = _Task(greenlet(operation), should_stop, on_end, background)
        self._tasks.append(task)
        self._resume(task, task.run.switch)

    def step(self) -> None:
        """Compute forward passes for waiting operations, and run each operation to its next pass or its end."""
        for task in [task for task in self._tasks if task.should_stop()]:
            self._resume(task, task.run.throw, RequestCancelled())
        tasks = [task for task in self._tasks if not task.background] or self._tasks
        for task in [task for task in tasks if task.waits_for is None]:
            self._resume(task, task.run.switch)
        waiting = {id(task.waits_for): task for task in tasks if task.waits_for is not None}
        passes = [task.waits_for for task in waiting.values() if task.waits_for is not None]
        if not passes:
            return
        try:
            computed = passes[0].compute_together(passes)
        except BaseException as error:  # such as a panic in Rust: it ends these operations, but not the thread
            for task in waiting.values():
                self._resume(task, task.run.throw, error)
            return
        for forward_pass, result in computed:
            task = waiting[id(forward_pass)]
            self._resume(task, task.run.switch, result)

    def _resume(self, task: _Task, switch: Callable[..., object], *value: object) -> None:
        task.waits_for = None
        try:
            waits_for_or_result = switch(*value)
        except BaseException as error:
            self._tasks.remove(task)
            task.on_end(None, error)
            return
        if task.run.dead:
            self._tasks.remove(task)
            task.on_end(waits_for_or_result, None)
        else:
            # wait_for and let_others_run pass nothing else to switch().
            task.waits_for = cast("ForwardPass | None", waits_for_or_result)
