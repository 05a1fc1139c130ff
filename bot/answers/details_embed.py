"""What an answer came from, and what came of computing it again, as embeds."""

from collections.abc import Sequence
from typing import TypeVar

import discord

from bot.answers.answer import AMBER, BLURPLE, GREEN, Answer, Attachment, footer
from bot.answers.receipt import RECEIPT, AnsweredBy, Receipt, write_receipt
from bot.answers.terminal_command import terminal_command
from bot.errors import ReceiptUnusable
from bot.questions.language_model import ModelInfo, RunInfo
from bot.questions.outcome import Difference, Outcome, output_hash, versions
from bot.rendering.escaping import code_block, escape_prose, visible_text
from bot.rendering.prose import plain_excerpt
from bot.rendering.tables import PHONE_WIDTH, ids_text

COMMAND_LIMIT = 1500  # characters of a command that is shown
IDS_LIMIT = 900  # characters of ids that are shown
FIELD_LIMIT = 1024
VALUE_LIMIT = 60  # characters of an option's value that are shown

T = TypeVar("T")

NO_COMMAND = "The terminal has no single command for this."
IN_A_FILE = "The command for a terminal is in the file command.txt."


def details_answer(receipt: Receipt[T]) -> Answer:
    """Show which model computed an answer, from what and with what, and the command that computes it again."""
    model, outcome = receipt.model, receipt.outcome
    files = [Attachment(RECEIPT, write_receipt(receipt), "The receipt, for Replay")]
    command = _command(receipt)
    if command is None:
        shown = NO_COMMAND
    elif _can_be_copied(command):
        shown = f"In a terminal:\n{code_block(command)}"
    else:
        shown = IN_A_FILE
        files.append(Attachment("command.txt", command, "The command for a terminal"))
    if command is not None and model.is_local:
        shown += f"\nFor `--model` write the path of the folder {escape_prose(model.name)}."
    embed = discord.Embed(title="Details", description=shown, colour=BLURPLE)
    embed.add_field(name="Model", value=_shown(_model_text(model)))
    embed.add_field(name="Computed in", value=_shown(_path_text(model)))
    embed.add_field(name="Options", value=_options_text(receipt), inline=False)
    embed.add_field(name=_count("input id", len(outcome.input_ids)), value=_ids_text([outcome.input_ids]), inline=False)
    embed.add_field(name=_count("output id", outcome.output_count), value=_ids_text(outcome.outputs), inline=False)
    embed.add_field(name="SHA-256 of the output ids", value=_hash_text(outcome), inline=False)
    embed.add_field(name="Versions", value=_versions_text(receipt.versions), inline=False)
    return Answer(embed, tuple(files))


def replay_answer(receipt: Receipt[T], now: Outcome, difference: Difference | None, run: RunInfo) -> Answer:
    """Say that the same came out as then, or where it first differs and what may be the reason."""
    others = _changes(receipt, AnsweredBy.of(run.model))
    if difference is None:
        figures = len(now.figures)
        besides = f", and {_count('figure', figures)} within rounding" if figures else ""
        embed = discord.Embed(
            title="Replay: identical",
            description=f"{_count('output id', now.output_count)} came out again as they stand there{besides}.",
            colour=GREEN,
        )
    else:
        embed = discord.Embed(title="Replay: different", description=_difference_text(difference), colour=AMBER)
        if run.model.dtype != "float32":
            reason = f"{run.model.dtype} rounds otherwise beside other requests than alone; float32 does not."
            embed.add_field(name="Perhaps because", value=reason, inline=False)
    if others:
        embed.add_field(name="Changed since then", value=others, inline=False)
    embed.set_footer(text=footer(run))
    return Answer(embed)


def incomparable_answer(receipt: Receipt[T], model: ModelInfo) -> Answer:
    """Say that another model answers now, or the same in another dtype, and how to repeat the answer all the same."""
    then, now = receipt.model, AnsweredBy.of(model)
    what = "the same model in another dtype" if then.is_model(model) else "another model"
    embed = discord.Embed(
        title="Replay: not comparable",
        description=(
            f"Now {what} answers, so other numbers would say nothing against the answer above. To repeat it, start the "
            "bot with the model and dtype of then, or use the command of *Details* in a terminal."
        ),
        colour=AMBER,
    )
    embed.add_field(name="Then", value=_shown(f"{_model_text(then)}, {then.dtype}"))
    embed.add_field(name="Now", value=_shown(f"{_model_text(now)}, {now.dtype}"))
    return Answer(embed)


def _command(receipt: Receipt[T]) -> str | None:
    """Return the command that computes what stands there, also where more had been asked for; None for none."""
    try:
        return terminal_command(receipt.asked.again(receipt.outcome), receipt.model)
    except ReceiptUnusable:
        return None


def _can_be_copied(command: str) -> bool:
    """Return whether a code block shows a command as it is, and not too much of it."""
    return len(command) <= COMMAND_LIMIT and "``" not in command and visible_text(command) == command


def _shown(text: str) -> str:
    """Return a text of ours, as a field's value."""
    return plain_excerpt(text, FIELD_LIMIT).text or "–"


def _difference_text(difference: Difference) -> str:
    position = f"{difference.kind} {difference.position + 1:,}"
    if difference.now is None:
        return f"It ends before {position}, which was {_number(difference.then)} then."
    if difference.then is None:
        return f"It goes on with {position}, {_number(difference.now)}, where it had ended then."
    return f"The first difference is {position}: {_number(difference.then)} then, {_number(difference.now)} now."


def _number(value: float | None) -> str:
    return f"**{value:.6g}**" if isinstance(value, float) else f"**{value}**"


def _model_text(model: AnsweredBy) -> str:
    return model.name if model.revision is None else f"{model.name} @ {model.revision}"


def _path_text(model: AnsweredBy) -> str:
    return ", ".join(filter(None, (f"{model.dtype} on {model.device}", model.engine_path)))


def _options_text(receipt: Receipt[T]) -> str:
    """Return the options that are no text, as ``name=value``; the texts stand in the answer."""
    options = {name: value for name, value in receipt.asked.options().items() if value not in (None, ())}
    shown = {name: value for name, value in options.items() if not isinstance(value, str | tuple) or name == "strategy"}
    parts = [f"`{receipt.asked.command}`", *(f"`{name}={value}`" for name, value in shown.items())]
    return " · ".join(part[:VALUE_LIMIT] for part in parts)


def _ids_text(texts: Sequence[tuple[int, ...]]) -> str:
    shown = "\n".join(ids_text(ids) for ids in texts if ids)
    if len(shown) <= IDS_LIMIT:
        return code_block(shown or "none")
    return code_block(shown[:IDS_LIMIT].rpartition(",")[0] + ", …") + "\nAll of them are in receipt.json."


def _hash_text(outcome: Outcome) -> str:
    digest = output_hash(outcome.outputs)
    return code_block(f"{digest[:PHONE_WIDTH]}\n{digest[PHONE_WIDTH:]}")


def _versions_text(found: dict[str, str]) -> str:
    return _shown(" · ".join(f"{name} {version}" for name, version in found.items()))


def _changes(receipt: Receipt[T], model: AnsweredBy) -> str:
    """Return what is another now, of all that computes besides model and dtype."""
    then = receipt.versions | {"computed in": _path_text(receipt.model)}
    now = versions() | {"computed in": _path_text(model)}
    changed = [f"{name} {then.get(name, 'none')} → {value}" for name, value in now.items() if then.get(name) != value]
    return _shown(" · ".join(changed)) if changed else ""


def _count(what: str, count: int) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"
