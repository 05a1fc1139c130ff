"""A language model, the questions that it answers, and those who watch it answer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Generic, Protocol, Self, TypeVar

from bot.questions.outcome import Outcome

T = TypeVar("T")


def display_name(name: str) -> str:
    """Return a hub id as it is, and of a local folder its last part: where it lies is nobody's business."""
    try:
        is_local = name.startswith((".", "/", "~")) or Path(name).exists()
    except OSError:  # longer than a path may be
        is_local = False
    return Path(name).resolve().name if is_local else name


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model answers, and how it computes.

    `short_name` is for everybody's eyes: a local folder's without its path. `revision` is the hub's commit, or None
    for a local folder; `context_length` counts tokens, and is None where the model states none. `vocab_size` counts the
    tokens that it predicts. `engine_path` names how
    the weights are multiplied, where that is not the plain way.
    """

    name: str
    short_name: str
    revision: str | None
    dtype: str
    device: str
    context_length: int | None
    vocab_size: int
    parameter_count: int
    engine_path: str = ""


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


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Which model computed an answer, and the seconds that it took."""

    model: ModelInfo
    seconds: float


class Watcher(Generic[T]):
    """Follows an answer while it is computed; everything is called on the model's thread. This one only looks on."""

    def begin(self) -> None:
        """Take note that the computation begins."""

    def is_cancelled(self) -> bool:
        """Return whether the answer is no longer wanted: the model then raises RequestCancelled."""
        return False

    def wants_end(self) -> bool:
        """Return whether the answer should end with what there is of it."""
        return False

    def offer(self, partial: Callable[[], T]) -> None:
        """Take a look at what there is so far, if wanted: `partial()` returns it."""


class LanguageModel(Protocol):
    """A causal language model. Its calls block and come from one thread."""

    @property
    def info(self) -> ModelInfo:
        """Which model this is."""
        ...

    def answer(self, question: Question[T], watcher: Watcher[T] | None = None) -> T:
        """Answer `question`; `watcher` follows it, is offered what there is so far, and may end it.

        Raises EmptyPrompt, PromptTooLong, OptionOutOfRange and the other usage errors of `bot.errors`, and
        RequestCancelled once the watcher says so.
        """
        ...
