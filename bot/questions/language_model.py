"""The protocol of a language model, the base classes of its questions, and the watcher of a running question."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Generic, Literal, Protocol, Self, TypeVar

from bot.questions.outcome import Outcome

T = TypeVar("T")

DEMO = "demo"  # the name of the embedded model

EngineName = Literal["transformers", "vllm"]
DType = Literal["float32", "bfloat16", "float16", "int8", "int4"]


def display_name(name: str) -> str:
    """Return a hub id unchanged, or only the last part of a local path, because the path is private."""
    try:
        is_local = name.startswith((".", "/", "~")) or Path(name).exists()
    except OSError:  # too long for a path
        is_local = False
    if is_local and name.endswith(".gguf"):  # in the hub's cache, this is a link to a file that is named after its hash
        return Path(name).name
    return Path(name).resolve().name if is_local else name


def dtype_text(dtype: str, quantization: str) -> str:
    """Return how weights are stored and computed, such as "Q4_1 in float32", or `dtype` if they aren't quantized."""
    return f"{quantization} in {dtype}" if quantization else dtype


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model answers, and how it computes.

    `short_name` is public: it leaves out the path of a local folder. `revision` is the hub's commit, or None for a
    local folder. `context_length` is in tokens, or None if the model does not state one. `vocab_size` is the number of
    tokens that the model predicts. `parameter_count` is None if it isn't known. `engine_path` names the method of
    matrix multiplication or the version of the server, or is "" for the default. `path_reason` has the times that were
    measured to choose it, if any. `problem` says why the engine can't answer now, and is "" if it can. `weights` says
    whether a server has the model's own weights, and is "" for weights that were loaded here.
    `quantization` is that of the GGUF file that the weights come from, such as Q4_1, or "".
    """

    name: str
    short_name: str
    revision: str | None
    dtype: str
    device: str
    context_length: int | None
    vocab_size: int
    parameter_count: int | None
    engine_path: str = ""
    engine: EngineName = "transformers"
    problem: str = ""
    weights: str = ""
    path_reason: str = ""
    quantization: str = ""

    @property
    def computed_in(self) -> str:
        """The dtype, with the weights' quantization if they have one, and the engine if it isn't the default one."""
        dtype = dtype_text(self.dtype, self.quantization)
        return dtype if self.engine == "transformers" else f"{dtype} · {self.engine}"


class Question(Generic[T]):
    """A question with all its options, whose result is a `T`. Each kind is a frozen dataclass."""

    @property
    def max_steps(self) -> int:
        """The most forward passes after one another that the answer takes: 1, or one for each new token."""
        return 1


class RepeatableQuestion(Question[T], ABC):
    """A question that a receipt can store, to ask it again and compare the outcomes.

    `command` is its name in the receipt. Its fields are JSON values or tuples of ids.
    """

    command: ClassVar[str]

    @abstractmethod
    def outcome(self, result: T) -> Outcome:
        """Return the ids and figures that two answers are compared by."""

    def again(self, outcome: Outcome, *, draws_in_parts: bool = False) -> Self:  # noqa: ARG002  # overrides use them
        """Return the question whose answer is comparable with `outcome`. Raises ReceiptUnusable if there is none.

        `draws_in_parts` is true for engines that use a new random generator when they continue a text.
        """
        return self

    def options(self) -> dict[str, object]:
        """Return the options by name."""
        return asdict(self)  # type: ignore[call-overload,no-any-return]  # every subclass is a dataclass

    @classmethod
    def of(cls, options: Mapping[str, object]) -> Self:
        """Return the question with these options. Raises TypeError if they belong to another question."""
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in options.items()})


@dataclass(frozen=True, slots=True)
class RunInfo:
    """The model that computed an answer, and the time it took in seconds."""

    model: ModelInfo
    seconds: float


class Watcher(Generic[T]):
    """Is offered the partial results of a running question and can stop it. This base class ignores them.

    All methods are called on the model's thread.
    """

    def begin(self) -> None:
        """Note that the computation has begun."""

    def is_cancelled(self) -> bool:
        """Return whether to cancel: the model then raises RequestCancelled."""
        return False

    def wants_end(self) -> bool:
        """Return whether to stop and return the partial result."""
        return False

    def note_token(self) -> None:
        """Note that a new token was computed. The last one of an answer isn't noted."""

    def offer(self, partial: Callable[[], T]) -> None:
        """Receive a partial result: `partial()` computes and returns it."""


class LanguageModel(Protocol):
    """A causal language model. Its calls block and come from one thread."""

    @property
    def info(self) -> ModelInfo:
        """Which model this is."""
        ...

    def answer(self, question: Question[T], watcher: Watcher[T] | None = None) -> T:
        """Answer `question`. `watcher` is offered partial results and can stop the computation.

        Raises EmptyPrompt, PromptTooLong, OptionOutOfRange and the other usage errors of `bot.errors`, and
        RequestCancelled once the watcher cancels.
        """
        ...
