"""A question as data: what the model is asked, with every option."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from typing import ClassVar, Generic, Self, TypeVar

from bot.questions.outcome import Outcome

T = TypeVar("T")


class Question(Generic[T]):
    """What the model is asked, with every option; its answer is a `T`. Each kind is a frozen dataclass."""


class RepeatableQuestion(Question[T], ABC):
    """A question that a receipt holds, so that it can be asked again and its answers compared.

    `command` names it, and its fields are JSON's values or tuples of ids.
    """

    command: ClassVar[str]

    @abstractmethod
    def outcome(self, result: T) -> Outcome:
        """Return what an answer comes down to."""

    def again(self, outcome: Outcome) -> Self:  # noqa: ARG002  # some look at it
        """Return the question whose answer can be held against `outcome`. Raises ReceiptUnusable where none can."""
        return self

    def options(self) -> dict[str, object]:
        """Return the options by their names in Discord and in the terminal."""
        return asdict(self)  # type: ignore[call-overload,no-any-return]  # each of them is a dataclass

    @classmethod
    def of(cls, options: Mapping[str, object]) -> Self:
        """Return the question with these options. Raises TypeError where they are another's."""
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in options.items()})
