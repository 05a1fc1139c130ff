"""The embeds of *Details* and *Replay*."""

from collections.abc import Sequence
from typing import TypeVar

import discord

from bot.answers.answer import AMBER, BLURPLE, GREEN, RECEIPT, Answer, Attachment, footer
from bot.answers.terminal_command import terminal_command
from bot.errors import ReceiptUnusable
from bot.questions.language_model import ModelInfo, RunInfo, dtype_text
from bot.questions.outcome import Difference, Outcome, output_hash
from bot.receipts.receipt import AnsweredBy, Receipt, changes_since, write_receipt
from bot.rendering.escaping import code_block, escape_prose, visible_text
from bot.rendering.prose import plain_excerpt
from bot.rendering.tables import PHONE_WIDTH, ids_text

COMMAND_LIMIT = 1500  # characters; a longer command goes into a file
IDS_LIMIT = 900  # characters of ids that are shown
FIELD_LIMIT = 1024
VALUE_LIMIT = 60  # characters of an option's value that are shown

T = TypeVar("T")

NO_COMMAND = "No single terminal command reproduces this answer."
IN_A_FILE = "The terminal command is in the attached file command.txt."


def details_answer(receipt: Receipt[T]) -> Answer:
    """Show the model, options, ids and versions of an answer, and the terminal command that reproduces it."""
    model, outcome = receipt.model, receipt.outcome
    files = [Attachment(RECEIPT, write_receipt(receipt), "The receipt, used by Replay")]
    command = _command(receipt)
    if command is None:
        shown = NO_COMMAND
    elif _can_be_copied(command):
        shown = f"Reproduce it in a terminal:\n{code_block(command)}"
    else:
        shown = IN_A_FILE
        files.append(Attachment("command.txt", command, "The terminal command for this answer"))
    if command is not None and model.is_local:
        shown += f"\nReplace the value of `--model` with the path of the {_kind(model)} {escape_prose(model.name)}."
    embed = discord.Embed(title="Details", description=shown, colour=BLURPLE)
    embed.add_field(name="Model", value=_field_value(_model_text(model)))
    embed.add_field(name="Computation", value=_field_value(model.computed_in))
    embed.add_field(name="Options", value=_options_text(receipt), inline=False)
    embed.add_field(name=_count("input id", len(outcome.input_ids)), value=_ids_text([outcome.input_ids]), inline=False)
    embed.add_field(name=_count("output id", outcome.output_count), value=_ids_text(outcome.outputs), inline=False)
    embed.add_field(name="SHA-256 of the output ids", value=_hash_text(outcome), inline=False)
    embed.add_field(name="Versions", value=_versions_text(receipt.versions), inline=False)
    return Answer(embed, tuple(files))


def replay_answer(receipt: Receipt[T], now: Outcome, difference: Difference | None, run: RunInfo) -> Answer:
    """Show whether the outcome is the same as `receipt`'s; if not, the first difference and possible reasons."""
    changes = _changes(receipt, AnsweredBy.of(run.model))
    if difference is None:
        figures = len(now.figures)
        rounding = f", and {_count('figure', figures)} within rounding" if figures else ""
        embed = discord.Embed(
            title="Replay: identical",
            description=f"{_count('output id', now.output_count)} reproduced exactly{rounding}.",
            colour=GREEN,
        )
    else:
        embed = discord.Embed(title="Replay: different", description=_difference_text(difference), colour=AMBER)
        if run.model.dtype != "float32":
            reason = (
                f"In {run.model.dtype}, rounding depends on the other requests in the batch. In float32 it doesn't."
            )
            embed.add_field(name="Possible reason", value=reason, inline=False)
    if changes:
        embed.add_field(name="Changed since then", value=changes, inline=False)
    embed.set_footer(text=footer(run))
    return Answer(embed)


def incomparable_answer(receipt: Receipt[T], model: ModelInfo) -> Answer:
    """Say that the model, its dtype or the engine has changed, and how to reproduce the answer anyway."""
    then, now = receipt.model, AnsweredBy.of(model)
    embed = discord.Embed(
        title="Replay: not comparable",
        description=(
            f"The bot now {_what_changed(then, model)}, so different numbers wouldn't mean that the answer above is "
            f"wrong. To reproduce it, run the bot with the old {_what_to_restore(then, model)}, or run the command "
            "from *Details* in a terminal."
        ),
        colour=AMBER,
    )
    embed.add_field(name="Then", value=_field_value(_then_and_now(then, now)))
    embed.add_field(name="Now", value=_field_value(_then_and_now(now, then)))
    return Answer(embed)


def _what_changed(then: AnsweredBy, now: ModelInfo) -> str:
    if not then.is_model(now):
        return "runs another model"
    if then.dtype != now.dtype:
        return "uses another dtype"
    return f"uses another engine ({now.engine}), which rounds differently and draws other texts from the same seed"


def _then_and_now(one: AnsweredBy, other: AnsweredBy) -> str:
    """Return model and dtype, and the engine if it differs from the other one's."""
    engine = "" if one.engine == other.engine else f", engine {one.engine}"
    return f"{_model_text(one)}, {dtype_text(one.dtype, one.quantization)}{engine}"


def _what_to_restore(then: AnsweredBy, now: ModelInfo) -> str:
    return "model and dtype" if then.engine == now.engine else f"engine (BOT_ENGINE={then.engine})"


def _command(receipt: Receipt[T]) -> str | None:
    """Return the terminal command that reproduces this output, or None."""
    try:
        return terminal_command(receipt.question_again(), receipt.model)
    except ReceiptUnusable:
        return None


def _can_be_copied(command: str) -> bool:
    """Return whether a code block can show the command unchanged and in full."""
    return len(command) <= COMMAND_LIMIT and "``" not in command and visible_text(command) == command


def _field_value(text: str) -> str:
    return plain_excerpt(text, FIELD_LIMIT).text or "–"


def _difference_text(difference: Difference) -> str:
    position = f"{difference.kind} {difference.position + 1:,}"
    if difference.now is None:
        return f"The new output ends before {position}, which was {_number(difference.then)}."
    if difference.then is None:
        return f"The old output ended before {position}, which is now {_number(difference.now)}."
    return f"The first difference is at {position}: {_number(difference.then)} before, {_number(difference.now)} now."


def _number(value: float | None) -> str:
    return f"**{value:.6g}**" if isinstance(value, float) else f"**{value}**"


def _model_text(model: AnsweredBy) -> str:
    return model.name if model.revision is None else f"{model.name} @ {model.revision}"


def _kind(model: AnsweredBy) -> str:
    return "file" if model.quantization else "folder"


def _options_text(receipt: Receipt[T]) -> str:
    """Return the options as ``name=value``, without the texts, which the answer shows."""
    options = {name: value for name, value in receipt.question.options().items() if value not in (None, ())}
    shown = {name: value for name, value in options.items() if not isinstance(value, str | tuple) or name == "strategy"}
    parts = [f"`{receipt.question.command}`", *(f"`{name}={value}`" for name, value in shown.items())]
    return " · ".join(part[:VALUE_LIMIT] for part in parts)


def _ids_text(texts: Sequence[tuple[int, ...]]) -> str:
    shown = "\n".join(ids_text(ids) for ids in texts if ids)
    if len(shown) <= IDS_LIMIT:
        return code_block(shown or "none")
    return code_block(shown[:IDS_LIMIT].rpartition(",")[0] + ", …") + "\nThe full list is in receipt.json."


def _hash_text(outcome: Outcome) -> str:
    digest = output_hash(outcome.outputs)
    return code_block(f"{digest[:PHONE_WIDTH]}\n{digest[PHONE_WIDTH:]}")


def _versions_text(by_name: dict[str, str]) -> str:
    return _field_value(" · ".join(f"{name} {version}" for name, version in by_name.items()))


def _changes(receipt: Receipt[T], model: AnsweredBy) -> str:
    """Return what changed in the environment, other than model and dtype."""
    changed = [f"{name} {then} → {now}" for name, then, now in changes_since(receipt, model)]
    return _field_value(" · ".join(changed)) if changed else ""


def _count(what: str, count: int) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"
