"""`nightword decide`: a decision about a text or about each line of a file, and its evidence."""

import argparse
from collections.abc import Sequence
from functools import partial

from bot.errors import BotError, UsageError
from bot.features.decision.picture import evidence_picture
from bot.features.decision.text import (
    NO_VERDICT,
    calibration_table,
    label_name,
    labels_table,
    mass_text,
    verdict_name,
    words_table,
)
from bot.questions.decision import (
    Decision,
    DecisionBatchQuestion,
    DecisionEvidence,
    DecisionEvidenceQuestion,
    DecisionQuestion,
    DecisionReading,
)
from bot.questions.language_model import LanguageModel, ModelInfo
from bot.questions.options import options_of
from bot.rendering.escaping import visible_text
from bot.rendering.json_objects import JsonObject, model_object, word_objects
from bot.rendering.tables import percentage
from bot.terminal.ask import ask
from bot.terminal.console import emphasis, text_of
from bot.terminal.decision_options import decision_of
from bot.terminal.lines import answer_lines
from bot.terminal.options import Commands, add_model_options, add_option, add_outputs


def decision_object(decision: Decision, result: DecisionReading, model: ModelInfo) -> JsonObject:
    """Return the prompt, the labels with their scores, the label mass, the margin and the verdict."""
    return {
        "command": "decide",
        "model": model_object(model),
        "type": decision.type,
        "prompt": result.prompt,
        "labels": [
            {
                "label": score.label,
                "ids": score.ids,
                "logit": score.logit,
                "log_probability": score.log_probability,
                "probability": score.probability,
            }
            for score in result.labels
        ],
        "label_mass": result.label_mass,
        "margin": result.margin,
        "verdict": result.verdict,
    }


def evidence_object(decision: Decision, result: DecisionEvidence, model: ModelInfo) -> JsonObject:
    """Return `decision_object` with each word's effect on the margin of a label, and the calibrated probabilities."""
    return {
        **decision_object(decision, result.reading, model),
        "explained_label": result.label,
        "words_together": result.words_together,
        "words": word_objects(result.words),
        "calibration": {
            "label": result.calibrated_label,
            "probabilities": result.calibration.probabilities,
            "content_free": result.calibration.content_free,
        },
    }


def decide(arguments: argparse.Namespace) -> int:
    """Print the decision about one text, or about each line of a file."""
    if arguments.png is not None and not arguments.explain:
        raise UsageError("--png needs --explain: a decision alone has no picture. Add --explain or remove --png.")
    decision = decision_of(arguments)
    if arguments.lines is not None:
        return _decide_lines(arguments, decision)
    text = text_of(arguments.text)
    if arguments.explain:
        return ask(
            arguments,
            DecisionEvidenceQuestion(decision, text),
            to_json=partial(evidence_object, decision),
            to_text=lambda result, _: _evidence_text(decision, result),
            draw=partial(evidence_picture, text),
        )
    return ask(
        arguments,
        DecisionQuestion(decision, text),
        to_json=partial(decision_object, decision),
        to_text=lambda result, _: _reading_text(decision, result),
    )


def _reading_text(decision: Decision, result: DecisionReading) -> str:
    return f"{emphasis(visible_text(verdict_name(result)))}\n\n{labels_table(decision, result)}\n\n{mass_text(result)}"


def _evidence_text(decision: Decision, result: DecisionEvidence) -> str:
    parts = (_reading_text(decision, result.reading), words_table(result), calibration_table(result))
    return "\n\n".join(parts)


def _decide_lines(arguments: argparse.Namespace, decision: Decision) -> int:
    if arguments.explain:
        raise UsageError("--explain works on a single text. Remove --explain or --lines.")

    def answer(model: LanguageModel, texts: Sequence[str]) -> Sequence[DecisionReading | BotError]:
        return model.answer(DecisionBatchQuestion(decision, tuple(texts)))

    return answer_lines(
        arguments,
        command="decide",
        what="text",
        header="      P  most probable label and text",
        answer=answer,
        to_json=partial(decision_object, decision),
        to_row=_row,
    )


def _row(result: DecisionReading, text: str) -> str:
    label = visible_text(label_name(result.best.label))
    unsure = "" if result.verdict is not None else f" ({NO_VERDICT.lower()})"
    return f"{percentage(result.best.probability):>7}  {label}{unsure}: {visible_text(text.strip())}"


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("decide", help="answer a question with labels about a text")
    texts = parser.add_mutually_exclusive_group(required=True)
    for option in options_of("decide", "terminal"):
        add_option(texts if option.name in ("text", "lines") else parser, option)
    add_model_options(parser)
    add_outputs(parser, "the evidence of --explain")
    parser.set_defaults(run=decide)
