"""A replay as text and as a JSON object."""

from dataclasses import asdict

from bot.questions.language_model import ModelInfo
from bot.questions.outcome import Difference, Outcome
from bot.receipts.receipt import AnsweredBy, Receipt, changes_since
from bot.rendering.escaping import visible_text
from bot.rendering.json_objects import JsonObject, model_object
from bot.rendering.prose import visible_excerpt

EXCERPT = 200  # characters of each text


def asked_text(receipt: Receipt[object]) -> str:
    """Return the command with its options on the first line, and each text on a line of its own."""
    options = {name: value for name, value in receipt.question.options().items() if value not in (None, ())}
    texts = {
        name: value for name, value in options.items() if isinstance(value, str) and name not in ("strategy", "type")
    }
    short = [f"{name}={value}" for name, value in options.items() if name not in texts and not isinstance(value, tuple)]
    lines = [f"{name}: {visible_excerpt(text, EXCERPT)}".replace("\n", "↵") for name, text in texts.items()]
    return "\n".join([" · ".join([receipt.question.command, *map(visible_text, short)]), *lines])


def outcome_text(now: Outcome, difference: Difference | None) -> str:
    """Return "identical" with what was compared, or the first difference."""
    if difference is None:
        figures = f", and {_count('figure', len(now.figures))} within rounding" if now.figures else ""
        return f"identical: {_count('output id', now.output_count)} reproduced exactly{figures}"
    position = f"{difference.kind} {difference.position + 1:,}"
    if difference.now is None:
        return f"different: the new output ends before {position}, which was {difference.then:.6g}"
    if difference.then is None:
        return f"different: the old output ended before {position}, which is now {difference.now:.6g}"
    return f"different: the first difference is at {position}: {difference.then:.6g} then, {difference.now:.6g} now"


def changes_text(receipt: Receipt[object], model: ModelInfo) -> str:
    """Return what changed since the answer, and whether that explains a difference; or ""."""
    then, now = receipt.model, AnsweredBy.of(model)
    changes = visible_text(
        "; ".join(f"{name} {before} → {after}" for name, before, after in changes_since(receipt, now))
    )
    if not changes:
        return ""
    text = f"changed since then: {changes}"
    if then.engine != now.engine:
        return f"{text}\nanother engine rounds differently and draws other texts from the same seed"
    if then.dtype != now.dtype:
        return f"{text}\nanother dtype rounds differently; --dtype {then.dtype} uses the same one"
    return text


def replay_object(receipt: Receipt[object], difference: Difference | None, model: ModelInfo) -> JsonObject:
    """Return whether the outcome is identical, the first difference, and what changed since."""
    question = receipt.question
    return {
        "command": "replay",
        "model": model_object(model),
        "asked": {"command": question.command, "options": question.options()},
        "identical": difference is None,
        "difference": None if difference is None else asdict(difference),
        "changed": {
            name: {"then": then, "now": now} for name, then, now in changes_since(receipt, AnsweredBy.of(model))
        },
    }


def _count(what: str, count: int) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"
