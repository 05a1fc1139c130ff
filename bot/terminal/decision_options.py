"""The decision that the arguments of a command define."""

import argparse

from bot.decisions.definition import infer_type
from bot.decisions.presets import Preset, load_preset
from bot.errors import UsageError
from bot.questions.decision import NOUL_LABELS, TEXT_PLACE, Decision, Example
from bot.questions.options import DECISION_OPTIONS
from bot.terminal.options import add_option


def add_decision_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `preset_of` and `decision_of` read."""
    for option in DECISION_OPTIONS:
        add_option(parser, option)


def preset_of(arguments: argparse.Namespace) -> Preset | None:
    """Return the preset that is named, or None. Raises UsageError if other parts of a decision are given too."""
    if arguments.preset is None:
        return None
    given = [name for name in ("type", "question", "template", "label", "example") if getattr(arguments, name)]
    if given:
        raise UsageError(f"--preset can't be combined with --{given[0]}. Give one of them.")
    return load_preset(arguments.preset)


def decision_of(arguments: argparse.Namespace) -> Decision:
    """Return the decision. Raises DecisionInvalid, and UsageError if options contradict each other or are missing."""
    preset = preset_of(arguments)
    if preset is not None:
        return preset.decision
    if arguments.template is not None and arguments.question is not None:
        raise UsageError("--template and --question can't be combined. Give one of them.")
    question = arguments.template if arguments.template is not None else arguments.question
    if question is None:
        raise UsageError("What to decide is missing. Give --preset, --question or --template.")
    labels, examples = arguments.label or (), arguments.example or ()
    inferred = "template" if arguments.template is not None else infer_type("", labels)
    type_ = arguments.type or inferred
    if (type_ == "template") != (arguments.template is not None):
        needed = f"--template, with {TEXT_PLACE} in it" if type_ == "template" else "--question"
        raise UsageError(f"--type {type_} needs {needed}.")
    labels = tuple(labels) or (NOUL_LABELS if type_ == "noul" else ())
    return Decision(type_, question, labels, tuple(Example(text, label) for text, label in examples))
