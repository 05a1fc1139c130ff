"""`nightword sentiment`: the verdict on a review or on each line of a file, and its evidence."""

import argparse
from collections.abc import Sequence

from bot.errors import BotError, UsageError
from bot.features.sentiment.picture import evidence_picture
from bot.features.sentiment.text import calibration_table, sentiment_table, words_table
from bot.questions.language_model import LanguageModel, ModelInfo, RunInfo
from bot.questions.options import options_of
from bot.questions.sentiment import (
    EvidenceQuestion,
    Sentiment,
    SentimentBatchQuestion,
    SentimentEvidence,
    SentimentQuestion,
)
from bot.rendering.escaping import visible_text
from bot.rendering.json_objects import JsonObject, model_object, word_objects
from bot.rendering.label_mass import label_mass_text
from bot.rendering.tables import percentage
from bot.terminal.ask import ask
from bot.terminal.console import emphasis, text_of
from bot.terminal.lines import answer_lines
from bot.terminal.options import Commands, add_model_options, add_option, add_outputs


def sentiment_object(result: Sentiment, model: ModelInfo) -> JsonObject:
    """Return the verdict, the labels' logits (or log-probabilities) and probabilities, and the label mass."""
    positive, negative = result.scores
    scores = "log_probabilities" if result.positive_logit is None else "logits"
    return {
        "command": "sentiment",
        "model": model_object(model),
        "label": result.label,
        scores: {"positive": positive, "negative": negative},
        "probabilities": {"positive": result.positive_probability, "negative": result.negative_probability},
        "label_mass": result.label_mass,
    }


def evidence_object(result: SentimentEvidence, model: ModelInfo) -> JsonObject:
    """Return `sentiment_object` with each word's effect on the margin, and the calibrated verdict."""
    calibration = result.calibration
    return {
        **sentiment_object(result.sentiment, model),
        "margin": result.margin,
        "words_together": result.words_together,
        "words": word_objects(result.words),
        "calibration": {
            "label": calibration.label,
            "probabilities": {
                "positive": calibration.positive_probability,
                "negative": calibration.negative_probability,
            },
            "content_free": {
                "positive": calibration.content_free_positive,
                "negative": calibration.content_free_negative,
            },
        },
    }


def sentiment(arguments: argparse.Namespace) -> int:
    """Print the verdict on one review, or on each line of a file."""
    if arguments.png is not None and not arguments.explain:
        raise UsageError("--png needs --explain: a verdict alone has no picture. Add --explain or remove --png.")
    if arguments.lines is not None:
        return _sentiment_lines(arguments)
    review = text_of(arguments.review)
    if arguments.explain:
        return ask(
            arguments, EvidenceQuestion(review), to_json=evidence_object, to_text=_evidence_text, draw=evidence_picture
        )
    return ask(
        arguments, SentimentQuestion(review), to_json=sentiment_object, to_text=lambda result, _: _verdict(result)
    )


def _evidence_text(result: SentimentEvidence, _: RunInfo) -> str:
    return f"{_verdict(result.sentiment)}\n\n{words_table(result)}\n\n{calibration_table(result)}"


def _verdict(result: Sentiment) -> str:
    return f"{emphasis(result.label)}\n\n{sentiment_table(result)}\n\n{label_mass_text(result.label_mass)}"


def _sentiment_lines(arguments: argparse.Namespace) -> int:
    if arguments.explain:
        raise UsageError("--explain works on a single review. Remove --explain or --lines.")
    return answer_lines(
        arguments,
        command="sentiment",
        what="review",
        header="verdict  P(positive) review",
        answer=_judge_each,
        to_json=sentiment_object,
        to_row=_row,
    )


def _judge_each(model: LanguageModel, reviews: Sequence[str]) -> Sequence[Sentiment | BotError]:
    return model.answer(SentimentBatchQuestion(tuple(reviews)))


def _row(result: Sentiment, review: str) -> str:
    return f"{result.label} {percentage(result.positive_probability):>11} {visible_text(review.strip())}"


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("sentiment", help="whether a review is positive or negative")
    reviews = parser.add_mutually_exclusive_group(required=True)
    for option in options_of("sentiment", "terminal"):
        add_option(reviews if option.name in ("review", "lines") else parser, option)
    add_model_options(parser)
    add_outputs(parser, "the evidence of --explain")
    parser.set_defaults(run=sentiment)
