"""A language model: which one it is, and what it answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.questions.comparison import Comparison
from bot.questions.continuation import Continuation, WatchedDraft
from bot.questions.generation import GenerationParameters
from bot.questions.sampler import SamplerStages
from bot.questions.sentiment import Sentiment, SentimentEvidence
from bot.questions.tokenization import Tokenization
from bot.questions.tokens import NextTokens, TokenProbability
from bot.questions.topk import Walk
from bot.questions.xray import Surprisals

ShouldStop = Callable[[], bool]


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


class LanguageModel(Protocol):
    """A causal language model. Its methods block and are called from one thread."""

    @property
    def info(self) -> ModelInfo:
        """Which model this is."""
        ...

    def tokenize(self, text: str) -> Tokenization:
        """Split `text` into tokens. Raises EmptyPrompt."""
        ...

    def next_tokens(self, prompt: str, k: int) -> NextTokens:
        """Return the `k` most probable next tokens. Raises EmptyPrompt and PromptTooLong."""
        ...

    def scored(self, prompt: str, ids: Sequence[int]) -> tuple[TokenProbability, ...]:
        """Return rank and probability of each of `ids` as the next token, in their order.

        Raises EmptyPrompt and PromptTooLong.
        """
        ...

    def guessed(self, prompt: str, guess: str) -> TokenProbability:
        """Return the token with which `guess` begins after `prompt`.

        It is the first one of the guess as it is written, or with a space before it: the more probable of the two.
        Raises EmptyPrompt, also for an empty guess, and PromptTooLong.
        """
        ...

    def generate(
        self,
        prompt: str,
        parameters: GenerationParameters,
        should_stop: ShouldStop,
        *,
        draft: "WatchedDraft | None" = None,
        written: Sequence[int] = (),
    ) -> Continuation:
        """Continue `prompt`, after the output ids that are `written` already and count as new tokens.

        Raises EmptyPrompt, PromptTooLong, OptionOutOfRange where the context has no room, and RequestCancelled once
        `should_stop()` is true.
        """
        ...

    def sentiment(self, review: str) -> Sentiment:
        """Judge `review`. Raises EmptyPrompt, PromptTooLong and SentimentUnsupported."""
        ...

    def surprisals(self, text: str) -> "Surprisals":
        """Return how much each token of `text` surprised the model.

        Raises EmptyPrompt, also for one token with nothing before it, and PromptTooLong.
        """
        ...

    def walk(self, prompt: str, chosen_ids: Sequence[int], k: int, temperature: float) -> "Walk":
        """Return what stands after `prompt` and the ids chosen after it, with `k` candidates for the next one.

        The chosen ids are appended as they are. Raises EmptyPrompt, PromptTooLong where prompt and path have no room
        in the context, and OptionOutOfRange for a temperature, or an id that is none.
        """
        ...

    def drawn(self, prompt: str, chosen_ids: Sequence[int], temperature: float, seed: int) -> TokenProbability:
        """Return the next token that `seed` draws there, with the model's own rank and probability.

        It is the token that `generate` draws with top_k 0 and top_p 1 after as many tokens. Raises as `walk` does.
        """
        ...

    def compare(
        self,
        prompt: str,
        max_new_tokens: int,
        seed: int,
        num_beams: int,
        repetition_penalty: float,
        should_stop: ShouldStop,
    ) -> "Comparison":
        """Continue `prompt` greedily, by sampling, by beam search, and by beam search with the penalty.

        Raises as `generate` does; OptionOutOfRange also for more than `MAX_COMPARED_TOKENS` new tokens.
        """
        ...

    def sampler_stages(
        self, prompt: str, temperature: float, top_k: int, top_p: float, repetition_penalty: float
    ) -> "SamplerStages":
        """Return the next token's distribution before and after each stage of the sampler.

        Raises EmptyPrompt, PromptTooLong and OptionOutOfRange.
        """
        ...

    def explain_sentiment(self, review: str) -> "SentimentEvidence":
        """Judge `review`, and say what each word did to the verdict. Raises as `sentiment` does."""
        ...
