"""Decisions as people write them in one line, and as TOML."""

import json
from collections.abc import Sequence

from bot.questions.decision import NOUL_LABELS, TEXT_PLACE, Decision, DecisionType, Example


def infer_type(question: str, labels: Sequence[str]) -> DecisionType:
    """Return the type that fits: a template has a place for the text, and only noul has no labels of its own."""
    if TEXT_PLACE in question:
        return "template"
    return "choice" if labels else "noul"


def define(
    question: str, labels: Sequence[str], type_: DecisionType | None = None, examples: Sequence[Example] = ()
) -> Decision:
    """Return a decision from what people wrote, with the inferred type if none is given.

    White space around labels doesn't count. Each label of a template follows the prompt with a space, unless it is in
    double quotes: then it is what is inside them. Raises DecisionInvalid.
    """
    type_ = type_ or infer_type(question, labels)
    written = tuple(_label(label, is_template=type_ == "template") for label in labels if label.strip())
    by_name = {label.strip(): label for label in written}
    return Decision(
        type_,
        question,
        written or (NOUL_LABELS if type_ == "noul" else ()),
        tuple(Example(example.text, by_name.get(example.label.strip(), example.label)) for example in examples),
    )


def _label(text: str, *, is_template: bool) -> str:
    text = text.strip()
    if not is_template:
        return text
    is_quoted = len(text) > 2 and text[0] == text[-1] == '"'
    return text[1:-1] if is_quoted else f" {text}"


def toml_of(decision: Decision, *, title: str, description: str, flags: str) -> str:
    """Return a decision as a TOML text that `bot.decisions.presets.parse_preset` reads."""
    lines = [
        f"title = {_toml(title)}",
        f"description = {_toml(description)}",
        f"type = {_toml(decision.type)}",
        f"question = {_toml(decision.question)}",
        f"labels = [{', '.join(map(_toml, decision.labels))}]",
        f"flags = {_toml(flags)}",
    ]
    for example in decision.examples:
        lines += ["", "[[examples]]", f"text = {_toml(example.text)}", f"label = {_toml(example.label)}"]
    return "\n".join(lines) + "\n"


def _toml(text: str) -> str:
    # A JSON string is a TOML string, except that TOML also escapes DEL, and has no surrogates.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
