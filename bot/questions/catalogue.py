"""Every question that a receipt can hold, by the name of its command."""

from collections.abc import Mapping
from typing import Any

from bot.questions.comparison import ComparisonQuestion
from bot.questions.continuation import ContinuationQuestion
from bot.questions.question import RepeatableQuestion
from bot.questions.sampler import SamplerQuestion
from bot.questions.sentiment import EvidenceQuestion, SentimentQuestion
from bot.questions.tokenization import TokenizationQuestion
from bot.questions.topk import TopKQuestion
from bot.questions.xray import XrayQuestion

_KINDS: tuple[type[RepeatableQuestion[Any]], ...] = (
    TopKQuestion, ContinuationQuestion, SentimentQuestion, EvidenceQuestion, TokenizationQuestion, XrayQuestion,
    ComparisonQuestion, SamplerQuestion,
)  # fmt: skip


def parse_question(command: str, options: Mapping[str, Any]) -> RepeatableQuestion[Any]:
    """Return the question with this command and these options. Raises KeyError and TypeError where there is none."""
    return {kind.command: kind for kind in _KINDS}[command].of(options)
