"""A language model over an engine. Each kind of question has a function that answers it."""

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from bot.engine.comparison import compare
from bot.engine.continuation import write
from bot.engine.contrast import contrast
from bot.engine.decision import DecisionReader
from bot.engine.diff import compare_with, read_text
from bot.engine.layers import read_layers
from bot.engine.primitives import Engine
from bot.engine.sampler import sampler_stages
from bot.engine.sentiment import SentimentReader
from bot.engine.tokenizer import tokenize
from bot.engine.topk import sample_step, score_guess, score_guesses, walk
from bot.engine.why import explain_token
from bot.engine.xray import surprisals
from bot.questions.comparison import ComparisonQuestion
from bot.questions.continuation import ContinuationQuestion
from bot.questions.contrast import ContrastQuestion
from bot.questions.decision import (
    ContentFreeQuestion,
    DecisionBatchQuestion,
    DecisionEvidenceQuestion,
    DecisionQuestion,
)
from bot.questions.diff import DiffQuestion, ReadingQuestion
from bot.questions.language_model import ModelInfo, Question, Watcher
from bot.questions.layers import LayersQuestion
from bot.questions.sampler import SamplerQuestion
from bot.questions.sentiment import EvidenceQuestion, SentimentBatchQuestion, SentimentQuestion
from bot.questions.tokenization import TokenizationQuestion
from bot.questions.topk import GuessQuestion, RevealQuestion, SampledStepQuestion, TopKQuestion
from bot.questions.why import WhyQuestion
from bot.questions.xray import XrayQuestion

T = TypeVar("T")


class EngineModel:
    """Implements `LanguageModel` with one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        decisions = DecisionReader(engine)
        sentiment = SentimentReader(engine, decisions)
        self._answers: Mapping[type, Callable[..., object]] = {
            TopKQuestion: lambda question, _: walk(engine, question),
            SampledStepQuestion: lambda question, _: sample_step(engine, question),
            ContinuationQuestion: lambda question, watcher: write(engine, question, watcher),
            SentimentQuestion: lambda question, _: sentiment.judge(question),
            SentimentBatchQuestion: lambda question, _: sentiment.judge_batch(question),
            EvidenceQuestion: lambda question, _: sentiment.explain(question),
            DecisionQuestion: lambda question, _: decisions.read(question),
            DecisionEvidenceQuestion: lambda question, _: decisions.explain(question),
            DecisionBatchQuestion: lambda question, _: decisions.read_batch(question),
            ContentFreeQuestion: lambda question, _: decisions.content_free(question),
            TokenizationQuestion: lambda question, _: tokenize(engine.codec, question),
            XrayQuestion: lambda question, _: surprisals(engine, question),
            ReadingQuestion: lambda question, _: read_text(engine, question),
            DiffQuestion: lambda question, _: compare_with(engine, question),
            ComparisonQuestion: lambda question, watcher: compare(engine, question, watcher),
            ContrastQuestion: lambda question, _: contrast(engine, question),
            SamplerQuestion: lambda question, _: sampler_stages(engine, question),
            LayersQuestion: lambda question, _: read_layers(engine, question),
            GuessQuestion: lambda question, _: score_guess(engine, question),
            RevealQuestion: lambda question, _: score_guesses(engine, question),
            WhyQuestion: lambda question, _: explain_token(engine, question),
        }

    @property
    def info(self) -> ModelInfo:
        """Which model this is."""
        return self.engine.info

    def answer(self, question: Question[T], watcher: Watcher[T] | None = None) -> T:
        """Answer `question` and report to `watcher`. Raises the errors of the function for this kind of question."""
        return cast("T", self._answers[type(question)](question, watcher or Watcher()))
