"""`nightword diff`: one text under two models, revisions or dtypes."""

import argparse
from typing import TypeVar

from bot.errors import EmptyPrompt, InvalidSettings, PromptTooLong, TokenWithoutWeights, UsageError
from bot.features.diff.json_object import diff_object
from bot.features.diff.picture import diff_picture
from bot.features.diff.text import diff_text
from bot.questions.diff import DiffQuestion, ReadingQuestion
from bot.questions.language_model import Question, RunInfo, display_name
from bot.rendering.tables import duration
from bot.settings import Settings
from bot.terminal.console import answer_alone, print_json, settings_of, text_of
from bot.terminal.options import Commands, add_model_options, add_options, add_outputs
from bot.terminal.picture_file import picture_target, write_picture

T = TypeVar("T")


def diff(arguments: argparse.Namespace) -> int:
    """Print how two models read one text. Only one of them is in memory at a time."""
    target = picture_target(arguments.png)
    question = ReadingQuestion(text_of(arguments.text))
    settings_a, settings_b = _settings_of_both(arguments)
    reading, run_a = _answer(settings_a, question)
    result, run_b = _answer(settings_b, DiffQuestion(reading))
    if arguments.json:
        print_json(diff_object(result))
    else:
        print(f"{diff_text(result)}\n")
        for letter, name, run in zip("ab", result.names, (run_a, run_b), strict=True):
            print(f"{letter}  {name} · {duration(run.seconds)}")
    write_picture(target, diff_picture, result)
    return 0


def _settings_of_both(arguments: argparse.Namespace) -> tuple[Settings, Settings]:
    """Return the settings of both models. Raises UsageError if they are the same, and InvalidSettings."""
    first = settings_of(arguments)
    if first.engine != "transformers":
        raise InvalidSettings(
            "nightword diff needs BOT_ENGINE=transformers, because it loads two models one after the other, and a "
            "server has only one."
        )
    model = arguments.model_b or first.model
    same_revision = first.model_revision if model == first.model else None
    second = first.model_copy(
        update={
            "model": model,
            "dtype": arguments.dtype_b or first.dtype,
            "model_revision": arguments.revision_b or same_revision,
        }
    )
    if second == first:
        raise UsageError(
            f"There is nothing to compare: both models are {display_name(model)} in {first.dtype}. Give another one "
            "with --model-b, --dtype-b or --revision-b."
        )
    return first, second


def _answer(settings: Settings, question: Question[T]) -> tuple[T, RunInfo]:
    """Answer a question with a model of its own. An error that depends on the model names it."""
    try:
        return answer_alone(settings, question)
    except (EmptyPrompt, PromptTooLong, TokenWithoutWeights) as error:
        raise UsageError(f"{display_name(settings.model)} in {settings.dtype}: {error}") from None


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("diff", help="one text under two models, revisions or dtypes")
    add_options(parser, "diff")
    add_model_options(parser)
    add_outputs(parser, "the text coloured by the difference")
    parser.set_defaults(run=diff)
