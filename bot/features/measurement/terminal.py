"""`nightword measure`: how good a decision is on labelled texts, and whether another one is better."""

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tqdm import tqdm

from bot.decisions.calibration import CalibrationMethod
from bot.decisions.cases import LabelledFile, match_labels, parse_cases
from bot.decisions.measurement import Comparison, JudgedCase, Measurement, compare, measure
from bot.decisions.presets import load_preset
from bot.decisions.split import CaseKey, Split, split_cases, text_key
from bot.decisions.statistics import require_statistics
from bot.errors import BotError, UsageError
from bot.features.measurement.json_object import measurement_object
from bot.features.measurement.text import comparison_text, measurement_text
from bot.questions.decision import ContentFreeQuestion, Decision, DecisionBatchQuestion
from bot.questions.language_model import LanguageModel, RunInfo
from bot.questions.options import MIN_PRECISION
from bot.rendering.pictures.picture import Picture
from bot.rendering.pictures.reliability import ReliabilityBin, reliability_picture
from bot.terminal.console import (
    can_redraw,
    emphasis,
    lines_of,
    load,
    print_footer,
    print_json,
    read_file,
    settings_of,
)
from bot.terminal.decision_options import decision_of, preset_of
from bot.terminal.lines import LINES_AT_A_TIME
from bot.terminal.options import Commands, add_model_options, add_options, add_outputs
from bot.terminal.picture_file import picture_target, write_picture


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A decision to measure: its name, the label that flags, and its label for each label of the file."""

    name: str
    decision: Decision
    flag: str
    label_of: Mapping[str, str]


def run_measure(arguments: argparse.Namespace) -> int:
    """Print how good one decision is, or how two compare."""
    require_statistics()
    target = picture_target(arguments.png)
    if arguments.min_precision is not None:
        MIN_PRECISION.check(arguments.min_precision)
    name = "standard input" if arguments.file == "-" else arguments.file
    file = parse_cases(lines_of(read_file(arguments.file)), name)
    for column in file.unused:
        print(f"nightword: {name}: {column!r} is not used; only text, label, author and weight are.", file=sys.stderr)
    candidates = _candidates(arguments, file)
    split = split_cases([CaseKey(text_key(case.text), case.author) for case in file.cases], arguments.development)
    model = load(settings_of(arguments))
    began = time.perf_counter()
    measurements = [_measure(candidate, file, split, model, arguments) for candidate in candidates]
    comparison = _compare(measurements, file, split)
    if arguments.json:
        named = [(one.name, one.decision, result) for one, result in zip(candidates, measurements, strict=True)]
        print_json(measurement_object(name, file, named, comparison, model.info))
    else:
        for candidate, measurement in zip(candidates, measurements, strict=True):
            print(emphasis(f"{candidate.name} on {name}"))
            print(f"\n{measurement_text(measurement, file)}\n")
        if comparison is not None:
            first, second = (candidate.name for candidate in candidates)
            print(f"{emphasis(f'{first} against {second}')}\n\n{comparison_text(comparison, first, second)}\n")
        print_footer(RunInfo(model.info, time.perf_counter() - began))
    write_picture(target, _draw, measurements[0])
    return 0


def _candidates(arguments: argparse.Namespace, file: LabelledFile) -> list[_Candidate]:
    """Return the decision, and the one that it is compared with. Raises UsageError if labels don't match."""
    decision, preset = decision_of(arguments), preset_of(arguments)
    mapping = _mapping(arguments.map or [])
    label_of = match_labels(file.labels, decision.labels, mapping)
    flag = decision.labels[0] if preset is None else preset.flags
    if arguments.flag is not None:
        (flag,) = match_labels([arguments.flag], decision.labels, {}).values()
    first = _Candidate(decision.type if preset is None else preset.name, decision, flag, label_of)
    if arguments.against is None:
        return [first]
    other = load_preset(arguments.against)
    usable = {source: target for source, target in mapping.items() if _fits(target, other.decision)}
    other_label_of = match_labels(file.labels, other.decision.labels, usable)
    flags = {other_label_of[label] for label in file.labels if label_of[label] == flag}
    if len(flags) != 1:
        problem = f"No single label of {other.name} means the same as {flag!r} of the first question"
        raise UsageError(f"{problem}. Compare questions whose labels mean the same, or choose another --flag.")
    return [first, _Candidate(other.name, other.decision, flags.pop(), other_label_of)]


def _mapping(pairs: list[str]) -> dict[str, str]:
    mapping = {}
    for pair in pairs:
        source, equals, target = pair.partition("=")
        if not equals:
            raise UsageError(f"--map {pair} has no equals sign. Write --map FILE_LABEL=LABEL.")
        if source in mapping:
            raise UsageError(f"--map names the label {source!r} twice. Give it once.")
        mapping[source] = target
    return mapping


def _fits(label: str, decision: Decision) -> bool:
    return label.strip().casefold() in [own.strip().casefold() for own in decision.labels]


def _measure(
    candidate: _Candidate, file: LabelledFile, split: Split, model: LanguageModel, arguments: argparse.Namespace
) -> Measurement:
    method: CalibrationMethod = arguments.calibration
    decision = candidate.decision
    return measure(
        _judge(candidate, file, model),
        labels=decision.labels,
        flag=candidate.flag,
        split=split,
        method=method,
        content_free=model.answer(ContentFreeQuestion(decision)) if method == "contextual" else None,
        min_precision=arguments.min_precision,
        per_day=arguments.per_day,
    )


def _judge(candidate: _Candidate, file: LabelledFile, model: LanguageModel) -> list[JudgedCase]:
    """Ask the model about each text. A text that can't be judged is reported, and counts as not right."""
    judged: list[JudgedCase] = []
    with tqdm(total=len(file.cases), unit="text", disable=not can_redraw(sys.stderr)) as progress:
        for start in range(0, len(file.cases), LINES_AT_A_TIME):
            cases = file.cases[start : start + LINES_AT_A_TIME]
            answers = model.answer(DecisionBatchQuestion(candidate.decision, tuple(case.text for case in cases)))
            for case, answer in zip(cases, answers, strict=True):
                if isinstance(answer, BotError):
                    tqdm.write(f"nightword: line {case.line}: {answer}", file=sys.stderr)
                judged.append(JudgedCase.of(candidate.label_of[case.label], answer, case.weight))
                progress.update()
    return judged


def _compare(measurements: list[Measurement], file: LabelledFile, split: Split) -> Comparison | None:
    if len(measurements) == 1:
        return None
    first, second = measurements
    return compare(first, second, [file.cases[index].weight for index in split.held_out])


def _draw(measurement: Measurement) -> Picture:
    bins = [
        ReliabilityBin(bin_.low, bin_.high, bin_.mean, bin_.share.value, bin_.share.low, bin_.share.high, bin_.share.of)
        for bin_ in measurement.bins
    ]
    brier = measurement.brier
    summary = "No text has a verdict"
    if brier is not None:
        summary = f"Brier score {brier.value:.3f} ({brier.low:.3f}–{brier.high:.3f}), n {brier.of:,}"
    return reliability_picture(measurement.flag, bins, measurement.chosen.threshold, summary)


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("measure", help="measure how good a question is on labelled texts")
    add_options(parser, "measure")
    add_model_options(parser)
    add_outputs(parser, "the calibration of the first question")
    parser.set_defaults(run=run_measure)
