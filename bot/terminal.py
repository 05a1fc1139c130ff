"""The commands in a terminal: the same operations as in Discord, with tables, JSON for programs, and pictures."""

import argparse
import sys
import time
from collections.abc import Callable

from tqdm import tqdm

from bot.errors import EXIT_USAGE, InputUnreadable, UsageError
from bot.picture_file import picture_target, write_picture
from bot.questions.generation import GenerationParameters
from bot.questions.sentiment import Sentiment
from bot.rendering.escaping import visible_text
from bot.rendering.exploration_objects import evidence_object, walk_object
from bot.rendering.exploration_tables import calibration_table, candidates_table, path_table, words_table
from bot.rendering.json_objects import (
    continuation_object,
    model_object,
    next_tokens_object,
    sentiment_object,
    tokenization_object,
)
from bot.rendering.pictures.candidates import candidates_picture
from bot.rendering.pictures.token_borders import token_borders_picture
from bot.rendering.pictures.words import words_picture
from bot.rendering.sentiment import label_mass_text
from bot.rendering.tables import next_tokens_table, percentage, sentiment_table, tokens_table
from bot.terminal_io import (
    can_redraw,
    emphasis,
    is_styled,
    lines_of,
    load,
    print_footer,
    print_json,
    read_file,
    settings_of,
    text_of,
    timed,
)


def topk(arguments: argparse.Namespace) -> int:
    """Print the most probable next tokens."""
    if arguments.after_ids or arguments.temperature is not None:
        return _walk(arguments)
    prompt = text_of(arguments.prompt)
    target = picture_target(arguments.png)
    model = load(settings_of(arguments))
    with timed() as seconds:
        result = model.next_tokens(prompt, arguments.k)
    if arguments.json:
        print_json(next_tokens_object(result, model.info))
    else:
        print(next_tokens_table(result))
        print_footer(model, seconds())
    tokens = [one.token for one in result.candidates]
    probabilities = [one.probability for one in result.candidates]
    write_picture(target, candidates_picture, prompt, tokens, probabilities, result.remainder)
    return 0


def continue_(arguments: argparse.Namespace) -> int:
    """Print what the model writes on."""
    settings = settings_of(arguments)
    prompt = text_of(arguments.prompt)
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
    model = load(settings)
    with timed() as seconds:
        result = model.generate(prompt, parameters, lambda: False)
    if arguments.json:
        print_json(continuation_object(result, model.info))
        return 0
    shown = visible_text(prompt)
    print(f"{shown}{emphasis(visible_text(result.text))}\n")
    if not is_styled(sys.stdout):  # nothing else says where the prompt ends
        print(f"The first {len(shown):,} characters are the prompt, the rest was written by the model.")
    print(" ".join(f"{name}={value}" for name, value in parameters.used().items()))
    count, speed = len(result.output_ids), len(result.output_ids) / seconds()
    print(f"{count} new tokens, finish_reason={result.finish_reason}, {speed:.1f} tokens/s")
    print_footer(model, seconds())
    return 0


def sentiment(arguments: argparse.Namespace) -> int:
    """Print the verdict on one review, or on each line of a file."""
    if arguments.png is not None and not arguments.explain:
        raise UsageError("--png needs --explain: a verdict alone has no picture. Add --explain, or leave --png out.")
    if arguments.lines is not None:
        return _sentiment_lines(arguments)
    review = text_of(arguments.review)
    if arguments.explain:
        return _explain(arguments, review)
    model = load(settings_of(arguments))
    with timed() as seconds:
        result = model.sentiment(review)
    if arguments.json:
        print_json(sentiment_object(result, model.info))
    else:
        print(_verdict(result))
        print_footer(model, seconds())
    return 0


def tokenize(arguments: argparse.Namespace) -> int:
    """Print the tokens of a text."""
    if arguments.text == arguments.compare_with == "-":
        raise UsageError("Only one of the two texts can come from standard input. Write the other on the command line.")
    text = text_of(arguments.text)
    other = None if arguments.compare_with is None else text_of(arguments.compare_with)
    target = picture_target(arguments.png)
    model = load(settings_of(arguments))
    texts = [text] if other is None else [text, other]
    results = [model.tokenize(one) for one in texts]
    if arguments.json:
        for result in results:
            print_json(tokenization_object(result, model.info))
    else:
        tables = (f"{tokens_table(result.tokens)}\n\n{[token.id for token in result.tokens]}" for result in results)
        print("\n\n".join(tables))
    write_picture(target, token_borders_picture, *results)
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "topk": topk,
    "continue": continue_,
    "sentiment": sentiment,
    "tokenize": tokenize,
}


def _walk(arguments: argparse.Namespace) -> int:
    """Print what can follow a prompt and the ids after it."""
    prompt = text_of(arguments.prompt)
    target = picture_target(arguments.png)
    model = load(settings_of(arguments))
    temperature = 1.0 if arguments.temperature is None else arguments.temperature
    with timed() as seconds:
        result = model.walk(prompt, arguments.after_ids, arguments.k, temperature)
    if arguments.json:
        print_json(walk_object(result, model.info))
    else:
        if result.steps:
            print(f"{path_table(result)}\n")
        print("The text has ended." if result.ended else candidates_table(result))
        print_footer(model, seconds())
    if result.ended and target is not None:
        raise UsageError("--png was not written: the text has ended with the last of --after-ids, and nothing follows.")
    tokens = [one.candidate.token for one in result.candidates]
    probabilities = [one.candidate.probability for one in result.candidates]
    write_picture(target, candidates_picture, prompt, tokens, probabilities, result.remainder, result.steps)
    return 0


def _explain(arguments: argparse.Namespace, review: str) -> int:
    """Print the verdict on a review, what each of its words does to it, and what calibration leaves of it."""
    target = picture_target(arguments.png)
    model = load(settings_of(arguments))
    with timed() as seconds:
        result = model.explain_sentiment(review)
    if arguments.json:
        print_json(evidence_object(result, model.info))
    else:
        print(f"{_verdict(result.sentiment)}\n\n{words_table(result)}\n\n{calibration_table(result)}")
        print_footer(model, seconds())
    write_picture(target, words_picture, result)
    return 0


def _verdict(result: Sentiment) -> str:
    return f"{emphasis(result.label)}\n\n{sentiment_table(result)}\n\n{label_mass_text(result.label_mass)}"


def _sentiment_lines(arguments: argparse.Namespace) -> int:
    """Score one review a line; a line that cannot be scored is reported and the others go on."""
    if arguments.explain:
        raise UsageError("--explain takes one review apart: give it alone, without --lines.")
    text = read_file(arguments.lines)
    if not text:
        name = "standard input" if arguments.lines == "-" else arguments.lines
        raise InputUnreadable(f"{name} has no lines: write one review a line.")
    reviews = lines_of(text)
    model = load(settings_of(arguments))
    if not arguments.json:
        print("verdict  P(positive) review")
    began = time.perf_counter()
    failed = 0
    for number, review in enumerate(tqdm(reviews, unit="review", disable=not can_redraw(sys.stderr)), start=1):
        try:
            result = model.sentiment(review)
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
        print_footer(model, time.perf_counter() - began)
    return EXIT_USAGE if failed else 0
