"""What was asked of a model, as data: enough to ask it again, and to compare what comes out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Generic, Self, TypeVar

from bot.errors import ReceiptUnusable
from bot.questions.comparison import Comparison
from bot.questions.continuation import Continuation, WatchedDraft
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import LanguageModel, ShouldStop
from bot.questions.outcome import Outcome
from bot.questions.sampler import Distribution, SamplerStages
from bot.questions.sentiment import Sentiment, SentimentEvidence
from bot.questions.tokenization import Tokenization
from bot.questions.topk import Walk
from bot.questions.xray import Surprisals

T = TypeVar("T")


class Asked(ABC, Generic[T]):
    """A question with all its options. `command` names it, and its fields are JSON's values or tuples of ids."""

    command: ClassVar[str]

    @abstractmethod
    def ask(self, model: LanguageModel, should_stop: ShouldStop, /) -> T:
        """Return the model's answer. Raises what the model raises."""

    @abstractmethod
    def outcome(self, result: T) -> Outcome:
        """Return what an answer comes down to."""

    def again(self, outcome: Outcome) -> Self:  # noqa: ARG002  # some look at it
        """Return the question whose answer can be held against `outcome`. Raises ReceiptUnusable where none can."""
        return self

    def options(self) -> dict[str, Any]:
        """Return the options by their names in Discord and in the terminal."""
        return asdict(self)  # type: ignore[call-overload,no-any-return]  # each of them is a dataclass

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Return the question with these options. Raises TypeError where they are another's."""
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in options.items()})


@dataclass(frozen=True, slots=True)
class AskedTopK(Asked[Walk]):
    """The next token after a prompt and the ids that a walk took after it."""

    command: ClassVar[str] = "topk"
    prompt: str
    k: int
    after_ids: tuple[int, ...] = ()
    temperature: float = 1.0

    def ask(self, model: LanguageModel, _: ShouldStop, /) -> Walk:
        """Return where the walk stands."""
        return model.walk(self.prompt, self.after_ids, self.k, self.temperature)

    def outcome(self, result: Walk) -> Outcome:
        """Return the candidates, and the log-probability of each step."""
        candidates = [one.candidate for one in result.candidates]
        steps = [step.likelihood.log_probability for step in result.steps]
        read = (*result.input_ids, *self.after_ids)
        figures = (*steps, *(one.probability for one in candidates))
        return Outcome(read, (tuple(one.token.id for one in candidates),), figures)


@dataclass(frozen=True, slots=True)
class AskedContinuation(Asked[Continuation]):
    """What comes after a prompt, and after the output ids that are `written` already."""

    command: ClassVar[str] = "continue"
    prompt: str
    parameters: GenerationParameters
    written: tuple[int, ...] = ()

    def ask(self, model: LanguageModel, should_stop: ShouldStop, /, draft: WatchedDraft | None = None) -> Continuation:
        """Return the continuation, which `draft` watches."""
        return model.generate(self.prompt, self.parameters, should_stop, draft=draft, written=self.written)

    def outcome(self, result: Continuation) -> Outcome:
        """Return the new ids, those written before among them."""
        return Outcome(result.input_ids, (result.output_ids,), is_cut_short=result.finish_reason == "stopped")

    def again(self, outcome: Outcome) -> Self:
        """Return what writes as much as stands there; all of it anew, but for a search that went on from a text."""
        parameters = self.parameters
        if outcome.is_cut_short:
            if outcome.output_count <= len(self.written):
                raise ReceiptUnusable("This was stopped before anything was written, so there is nothing to repeat.")
            parameters = parameters.with_max_new_tokens(outcome.output_count)
        return replace(self, parameters=parameters, written=self.written if parameters.num_beams else ())

    def options(self) -> dict[str, Any]:
        """Return the parameters by their own names; those of other strategies are None."""
        return {"prompt": self.prompt, **asdict(self.parameters), "written": self.written}

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Return the question with these options. Raises KeyError and TypeError where they are another's."""
        rest = dict(options)
        prompt, written = rest.pop("prompt"), tuple(rest.pop("written"))
        return cls(prompt, GenerationParameters(**rest), written)


@dataclass(frozen=True, slots=True)
class AskedSentiment(Asked[Sentiment]):
    """The verdict on a review."""

    command: ClassVar[str] = "sentiment"
    review: str

    def ask(self, model: LanguageModel, _: ShouldStop, /) -> Sentiment:
        """Return the verdict."""
        return model.sentiment(self.review)

    def outcome(self, result: Sentiment) -> Outcome:
        """Return the label's token, both logits and the label mass."""
        figures = (result.positive_logit, result.negative_logit, result.label_mass)
        return Outcome(result.input_ids, ((result.label_id,),), figures)


@dataclass(frozen=True, slots=True)
class AskedEvidence(Asked[SentimentEvidence]):
    """The verdict on a review, and what each word did to it."""

    command: ClassVar[str] = "explain"
    review: str

    def ask(self, model: LanguageModel, _: ShouldStop, /) -> SentimentEvidence:
        """Return the verdict with its evidence."""
        return model.explain_sentiment(self.review)

    def outcome(self, result: SentimentEvidence) -> Outcome:
        """Return the label's token, the calibrated probability, and each word's effect."""
        figures = (result.calibration.positive_probability, *(word.effect for word in result.words))
        return Outcome(result.sentiment.input_ids, ((result.sentiment.label_id,),), figures)


@dataclass(frozen=True, slots=True)
class AskedTokens(Asked[tuple[Tokenization, Tokenization | None]]):
    """The tokens of a text, and of a second one."""

    command: ClassVar[str] = "tokenize"
    text: str
    compare_with: str | None = None

    def ask(self, model: LanguageModel, _: ShouldStop, /) -> tuple[Tokenization, Tokenization | None]:
        """Return both."""
        other = None if self.compare_with is None else model.tokenize(self.compare_with)
        return model.tokenize(self.text), other

    def outcome(self, result: tuple[Tokenization, Tokenization | None]) -> Outcome:
        """Return the ids of each."""
        texts = [one for one in result if one is not None]
        return Outcome((), tuple(tuple(token.id for token in one.tokens) for one in texts))


@dataclass(frozen=True, slots=True)
class AskedSurprisals(Asked[Surprisals]):
    """How much each token of a text surprises the model."""

    command: ClassVar[str] = "xray"
    text: str

    def ask(self, model: LanguageModel, _: ShouldStop, /) -> Surprisals:
        """Return the surprises."""
        return model.surprisals(self.text)

    def outcome(self, result: Surprisals) -> Outcome:
        """Return the model's favourite in each place, and each token's log-probability."""
        read = tuple(one.token.id for one in result.tokens)
        favourites = tuple(one.favourites[0].token.id for one in result.tokens if one.favourites)
        return Outcome(read, (favourites,), tuple(one.log_probability for one in result.likelihoods))


@dataclass(frozen=True, slots=True)
class AskedComparison(Asked[Comparison]):
    """A prompt continued in several ways."""

    command: ClassVar[str] = "compare"
    prompt: str
    max_new_tokens: int
    seed: int
    num_beams: int
    repetition_penalty: float

    def ask(self, model: LanguageModel, should_stop: ShouldStop, /) -> Comparison:
        """Return the continuations."""
        return model.compare(
            self.prompt, self.max_new_tokens, self.seed, self.num_beams, self.repetition_penalty, should_stop
        )

    def outcome(self, result: Comparison) -> Outcome:
        """Return each text's new ids, its log-probability and its search score."""
        scores = [score for one in result.texts for score in (one.log_probability, one.search_score)]
        return Outcome(
            result.texts[0].continuation.input_ids,
            tuple(one.continuation.output_ids for one in result.texts),
            tuple(score for score in scores if score is not None),
        )


@dataclass(frozen=True, slots=True)
class AskedStages(Asked[SamplerStages]):
    """The next token's distribution on its way through the sampler."""

    command: ClassVar[str] = "sampler"
    prompt: str
    temperature: float
    top_k: int
    top_p: float
    repetition_penalty: float

    def ask(self, model: LanguageModel, _: ShouldStop, /) -> SamplerStages:
        """Return the stages."""
        return model.sampler_stages(self.prompt, self.temperature, self.top_k, self.top_p, self.repetition_penalty)

    def outcome(self, result: SamplerStages) -> Outcome:
        """Return the first tokens before the sampler and after each stage, with their probabilities."""
        distributions: list[Distribution] = [result.before, *(stage.after for stage in result.stages)]
        return Outcome(
            result.input_ids,
            tuple(tuple(one.token.id for one in found.top) for found in distributions),
            tuple(one.probability for found in distributions for one in found.top),
        )


_KINDS: tuple[type[Asked[Any]], ...] = (
    AskedTopK, AskedContinuation, AskedSentiment, AskedEvidence, AskedTokens, AskedSurprisals, AskedComparison,
    AskedStages,
)  # fmt: skip


def asked(command: str, options: Mapping[str, Any]) -> Asked[Any]:
    """Return what was asked. Raises KeyError and TypeError where it is nothing that can be asked."""
    return {kind.command: kind for kind in _KINDS}[command].of(options)
