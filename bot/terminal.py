"""The commands in a terminal: the same operations as in Discord, tables for people and JSON for programs."""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tqdm import tqdm

from bot.client import load_language_model
from bot.errors import EXIT_USAGE, InputUnreadable, UsageError
from bot.inference.generation_parameters import GenerationParameters
from bot.inference.model import LanguageModel
from bot.rendering.answer import duration
from bot.rendering.escaping import visible_text
from bot.rendering.json_objects import (
    JsonObject,
    continuation_object,
    model_object,
    next_tokens_object,
    sentiment_object,
    tokenization_object,
)
from bot.rendering.sentiment import label_mass_text
from bot.rendering.tables import next_tokens_table, percentage, sentiment_table, tokens_table
from bot.settings import Settings, read_settings

BYTE_ORDER_MARK = "\ufeff"  # with which some editors begin a file of text


def topk(arguments: argparse.Namespace) -> int:
    """Print the most probable next tokens."""
    prompt = _text(arguments.prompt)
    model = _load(_settings(arguments))
    with _timed() as seconds:
        result = model.next_tokens(prompt, arguments.k)
    if arguments.json:
        _print_json(next_tokens_object(result, model.info))
    else:
        print(next_tokens_table(result))
        _print_footer(model, seconds())
    return 0


def continue_(arguments: argparse.Namespace) -> int:
    """Print what the model writes on."""
    settings = _settings(arguments)
    prompt = _text(arguments.prompt)
    parameters = GenerationParameters.from_options(
        strategy=arguments.strategy,
        max_new_tokens=arguments.max_new_tokens,
        temperature=arguments.temperature,
        top_k=arguments.top_k,
        top_p=arguments.top_p,
        num_beams=arguments.num_beams,
        repetition_penalty=arguments.repetition_penalty,
        seed=arguments.seed,
        max_new_tokens_limit=settings.max_new_tokens,
    )
    model = _load(settings)
    with _timed() as seconds:
        result = model.generate(prompt, parameters, lambda: False)
    if arguments.json:
        _print_json(continuation_object(result, model.info))
        return 0
    print(f"{visible_text(prompt)}{_emphasis(visible_text(result.text))}\n")
    print(" ".join(f"{name}={value}" for name, value in parameters.used().items()))
    count, speed = len(result.output_ids), len(result.output_ids) / seconds()
    print(f"{count} new tokens, finish_reason={result.finish_reason}, {speed:.1f} tokens/s")
    _print_footer(model, seconds())
    return 0


def sentiment(arguments: argparse.Namespace) -> int:
    """Print the verdict on one review, or on each line of a file."""
    if arguments.lines is not None:
        return _sentiment_lines(arguments)
    review = _text(arguments.review)
    model = _load(_settings(arguments))
    with _timed() as seconds:
        result = model.sentiment(review)
    if arguments.json:
        _print_json(sentiment_object(result, model.info))
    else:
        print(f"{_emphasis(result.label)}\n\n{sentiment_table(result)}\n\n{label_mass_text(result.label_mass)}")
        _print_footer(model, seconds())
    return 0


def tokenize(arguments: argparse.Namespace) -> int:
    """Print the tokens of a text."""
    text = _text(arguments.text)
    model = _load(_settings(arguments))
    result = model.tokenize(text)
    if arguments.json:
        _print_json(tokenization_object(result, model.info))
    else:
        print(f"{tokens_table(result.tokens)}\n\n{[token.id for token in result.tokens]}")
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "topk": topk,
    "continue": continue_,
    "sentiment": sentiment,
    "tokenize": tokenize,
}


def _sentiment_lines(arguments: argparse.Namespace) -> int:
    """Score one review a line; a line that cannot be scored is reported and the others go on."""
    text = _read(arguments.lines).removeprefix(BYTE_ORDER_MARK)
    if not text:
        raise InputUnreadable(f"{arguments.lines} has no lines: write one review a line.")
    # str.splitlines would also split at form feeds and Unicode's separators, inside a review.
    reviews = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    model = _load(_settings(arguments))
    if not arguments.json:
        print("verdict  P(positive) review")
    began = time.perf_counter()
    failed = 0
    for number, review in enumerate(tqdm(reviews, unit="review", disable=not sys.stderr.isatty()), start=1):
        try:
            result = model.sentiment(review)
        except UsageError as error:
            failed += 1
            tqdm.write(f"nightword: line {number}: {error}", file=sys.stderr)
            if arguments.json:
                failure = {"command": "sentiment", "model": model_object(model.info), "line": number}
                _print_json(failure | {"error": str(error)})
            continue
        if arguments.json:
            _print_json(sentiment_object(result, model.info))
        else:
            excerpt = visible_text(review.strip())
            print(f"{result.label} {percentage(result.positive_probability):>11} {excerpt}", flush=True)
    if not arguments.json:
        _print_footer(model, time.perf_counter() - began)
    return EXIT_USAGE if failed else 0


def _settings(arguments: argparse.Namespace) -> Settings:
    return read_settings(model=arguments.model, dtype=arguments.dtype)


def _load(settings: Settings) -> LanguageModel:
    # Libraries print on import and while loading; standard output is for the result alone.
    with contextlib.redirect_stdout(sys.stderr):
        return load_language_model(settings)


def _text(argument: str) -> str:
    """Return the text itself, or standard input as it is for "-"."""
    return _read("-") if argument == "-" else argument


def _read(file: str) -> str:
    """Return a file's text, line ends untouched; "-" is standard input."""
    name = "standard input" if file == "-" else file
    if file == "-" and sys.stdin is None:
        raise InputUnreadable("standard input is closed. Pipe a text in, or write it on the command line.")
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputUnreadable(f"{name} is not valid UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    except OSError as error:
        raise InputUnreadable(
            f"{name} cannot be read: {error.strerror}. Name a text file, or - to pipe one in."
        ) from None


@contextlib.contextmanager
def _timed() -> Iterator[Callable[[], float]]:
    """Yield a clock that, after the block, says how many seconds the block took."""
    began = time.perf_counter()
    took = 0.0
    yield lambda: took
    took = time.perf_counter() - began


def _print_json(json_object: JsonObject) -> None:
    print(json.dumps(json_object), flush=True)


def _print_footer(model: LanguageModel, seconds: float) -> None:
    print(f"{model.info.name} · {model.info.dtype} · {duration(seconds)}")


def _emphasis(text: str) -> str:
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text
