"""`nightword replay`: computes the answer of a receipt again, and compares the outcomes."""

import argparse
import shlex

from bot.errors import EXIT_FAILURE, InputUnreadable, ReceiptUnusable, UsageError
from bot.features.replay.text import asked_text, changes_text, outcome_text, replay_object
from bot.questions.language_model import ModelInfo, display_name
from bot.questions.outcome import first_difference
from bot.receipts.picture import RECEIPT_LIMIT, find_receipt
from bot.receipts.receipt import Receipt, read_receipt
from bot.rendering.escaping import visible_text
from bot.rendering.pictures.png_text import SIGNATURE
from bot.settings import Settings
from bot.terminal.console import load, print_footer, print_json, read_bytes, settings_of, timed_answer
from bot.terminal.options import Commands, add_model_options, add_options, add_outputs

FILE_LIMIT = 32 * 1024 * 1024  # bytes; the pictures that Nightword draws have under 1 MB


def replay(arguments: argparse.Namespace) -> int:
    """Compute the answer of a receipt again, print whether it is identical, and return 1 if it isn't."""
    receipt, settings = _read(arguments.file), settings_of(arguments)
    _check_name(receipt, settings)
    question = receipt.question_again()
    model = load(settings)
    _check_model(receipt, model.info)
    result, run = timed_answer(model, question)
    now = question.outcome(result)
    difference = first_difference(receipt.outcome, now)
    if arguments.json:
        print_json(replay_object(receipt, difference, run.model))
    else:
        print(f"{asked_text(receipt)}\n\n{outcome_text(now, difference)}")
        if changed := changes_text(receipt, run.model):
            print(changed)
        print_footer(run)
    return 0 if difference is None else EXIT_FAILURE


def _read(file: str) -> Receipt[object]:
    """Return the receipt in a picture or a JSON file. Raises InputUnreadable and ReceiptUnusable."""
    name = "standard input" if file == "-" else file
    content = read_bytes(file, FILE_LIMIT, "a picture or a receipt")
    if not content.startswith(SIGNATURE):
        if len(content) > RECEIPT_LIMIT:
            raise InputUnreadable(
                f"{name} isn't a PNG picture, and is too large for a receipt: over {RECEIPT_LIMIT:,} bytes."
            )
        try:
            return read_receipt(content.decode("utf-8-sig"))
        except ValueError:
            raise ReceiptUnusable(
                f"{name} is not a receipt. "
                "Give a picture made by Nightword, or the file receipt.json that Details shows."
            ) from None
    try:
        text = find_receipt(content)
        if text is not None:
            return read_receipt(text)
    except ValueError as problem:
        raise ReceiptUnusable(f"The receipt in {name} can't be read: {problem}.") from None
    raise ReceiptUnusable(
        f"{name} has no receipt. On Discord, open the picture in the browser and save it there: the preview is a copy "
        "without the receipt. Or give the file receipt.json that Details shows."
    )


def _check_name(receipt: Receipt[object], settings: Settings) -> None:
    """Raise UsageError if the configured model has another name. It has not been loaded yet."""
    then = receipt.model
    if (now := display_name(settings.model)) == then.name:
        return
    name = visible_text(then.name)
    remedy = f"--model with the path of {name}" if then.is_local else f"--model {shlex.quote(name)}"
    raise UsageError(f"This receipt is from the model {name}, but the configured model is {now}. Add {remedy}.")


def _check_model(receipt: Receipt[object], now: ModelInfo) -> None:
    """Raise UsageError if the loaded model has another revision or quantization."""
    then = receipt.model
    if then.is_model(now):
        return
    if then.revision != now.revision:
        revision = visible_text(then.revision or "none, as a local folder")
        remedy = f"Set BOT_MODEL_REVISION={revision}." if then.revision else "Add --model with the path of that folder."
        raise UsageError(
            f"This receipt is from {now.short_name} in revision {revision}, but the loaded one is revision "
            f"{now.revision or 'none, as a local folder'}. {remedy}"
        )
    raise UsageError(
        f"This receipt is from {now.short_name} with weights in {visible_text(then.quantization) or then.dtype}, but "
        f"the loaded ones are in {now.quantization or now.dtype}. Add --model with the path of the file that it used."
    )


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("replay", help="compute the answer of a receipt again")
    add_options(parser, "replay")
    add_model_options(parser)
    add_outputs(parser)
    parser.set_defaults(run=replay)
