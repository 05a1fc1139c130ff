"""`nightword sentiment`: the verdict on a review or on each line of a file, and its evidence."""

import argparse
import sys
import time

from tqdm import tqdm

from bot.errors import EXIT_USAGE, InputUnreadable, UsageError
from bot.features.sentiment.picture import words_picture
from bot.features.sentiment.text import calibration_table, label_mass_text, sentiment_table, words_table
from bot.questions.language_model import ModelInfo, RunInfo
from bot.questions.options import options_of
from bot.questions.sentiment import EvidenceQuestion, Sentiment, SentimentEvidence, SentimentQuestion
from bot.rendering.escaping import visible_text
from bot.rendering.json_objects import JsonObject, model_object
from bot.rendering.tables import percentage
from bot.terminal.ask import ask
from bot.terminal.console import (
    can_redraw,
    emphasis,
    lines_of,
    load,
    print_footer,
    print_json,
    read_file,
    settings_of,
    text_of,
)
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
        "words": [
            {"start": word.start, "end": word.end, "text": word.text, "effect": word.effect} for word in result.words
        ],
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
            arguments, EvidenceQuestion(review), to_json=evidence_object, to_text=_evidence_text, draw=words_picture
        )
    return ask(
        arguments, SentimentQuestion(review), to_json=sentiment_object, to_text=lambda result, _: _verdict(result)
    )


def _evidence_text(result: SentimentEvidence, _: RunInfo) -> str:
    return f"{_verdict(result.sentiment)}\n\n{words_table(result)}\n\n{calibration_table(result)}"


def _verdict(result: Sentiment) -> str:
    return f"{emphasis(result.label)}\n\n{sentiment_table(result)}\n\n{label_mass_text(result.label_mass)}"


def _sentiment_lines(arguments: argparse.Namespace) -> int:
    """Score one review per line. A line that can't be scored is reported and skipped."""
    if arguments.explain:
        raise UsageError("--explain works on a single review. Remove --explain or --lines.")
    text = read_file(arguments.lines)
    if not text:
        name = "standard input" if arguments.lines == "-" else arguments.lines
        raise InputUnreadable(f"{name} is empty. Write one review per line.")
    reviews = lines_of(text)
    model = load(settings_of(arguments))
    if not arguments.json:
        print("verdict  P(positive) review")
    began = time.perf_counter()
    failed = 0
    for number, review in enumerate(tqdm(reviews, unit="review", disable=not can_redraw(sys.stderr)), start=1):
        try:
            result = model.answer(SentimentQuestion(review))
        except UsageError as error:
            failed += 1
            tqdm.write(f"nightword: line {number}: {error}", file=sys.stderr)
            if arguments.json:
                failure = {"command": "sentiment", "model": model_object(model.info), "line": number}
                print_json(failure | {"error": str(error)})
            continue
        if arguments.json:
            print_json(sentiment_object(result, model.info))
        else:
            excerpt = visible_text(review.strip())
            print(f"{result.label} {percentage(result.positive_probability):>11} {excerpt}", flush=True)
    if not arguments.json:
        print_footer(RunInfo(model.info, time.perf_counter() - began))
    return EXIT_USAGE if failed else 0


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("sentiment", help="whether a review is positive or negative")
    reviews = parser.add_mutually_exclusive_group(required=True)
    for option in options_of("sentiment", "terminal"):
        add_option(reviews if option.name in ("review", "lines") else parser, option)
    add_model_options(parser)
    add_outputs(parser, "the evidence of --explain")
    parser.set_defaults(run=sentiment)
