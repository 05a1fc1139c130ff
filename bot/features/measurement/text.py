"""What `nightword measure` prints: every figure with its 95 % interval and the number of cases behind it."""

from bot.decisions.cases import LabelledFile
from bot.decisions.measurement import Bin, Comparison, Measurement
from bot.decisions.statistics import Estimate
from bot.decisions.summary import Share
from bot.decisions.thresholds import ThresholdFigures
from bot.questions.decision import LEAST_LABEL_MASS
from bot.rendering.escaping import visible_text, visible_token
from bot.rendering.tables import percentage, table

UNKNOWN = "–"
FEW_FLAGGING = 8  # cases of the flagging label; below that, precision and recall say little
SIGNIFICANT = 0.05


def share_text(share: Share) -> str:
    """Return ``84.2% (81.4–86.7, 620 of 736)``, or that there are no cases."""
    if share.value is None:
        return f"{UNKNOWN} (0 of 0)"
    return f"{share.value:.1%} ({_range(share)}, {share.count:,} of {share.of:,})"


def measurement_text(measurement: Measurement, file: LabelledFile) -> str:
    """Return the report on one question: the split, the figures at the threshold, at others, and the calibration."""
    parts = [
        _split_text(measurement, file),
        _choice_text(measurement),
        _figures_table(measurement),
        _thresholds_table(measurement) if measurement.without_verdict < measurement.held_out else "",
        _bins_table(measurement),
        _mass_text(measurement),
        _notes(measurement),
    ]
    return "\n\n".join(part for part in parts if part)


def comparison_text(comparison: Comparison, first: str, second: str) -> str:
    """Return the comparison of two questions, and how many more cases a verdict between them needs."""
    difference = comparison.difference
    rows = [
        (f"{comparison.both_right:,}", "both right"),
        (f"{comparison.only_first_right:,}", f"only {first} right"),
        (f"{comparison.only_second_right:,}", f"only {second} right"),
        (f"{comparison.none_right:,}", "none right"),
    ]
    reach = f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}".replace("-", "−")
    points = f"{100 * difference.value:+.1f}".replace("-", "−")
    lines = [
        table(("cases", f"of {comparison.of:,} held out"), rows, right=(0,)),
        f"The shares right differ by {points} percentage points (95 %: {reach}; n {comparison.of:,}; above 0, {first} "
        "is better).",
        f"McNemar's exact test: p = {_p_text(comparison.p_value)}. {_verdict_text(comparison, first, second)}",
    ]
    return "\n\n".join(lines)


def _verdict_text(comparison: Comparison, first: str, second: str) -> str:
    if comparison.p_value < SIGNIFICANT:
        better = first if comparison.only_first_right > comparison.only_second_right else second
        return f"On these cases, {better} is better."
    if comparison.cases_needed is None:
        return "They are right equally often, so no number of cases would tell them apart."
    more = max(1, comparison.cases_needed - comparison.of)
    return (
        "The difference isn't significant. To find a difference of this size in 4 of 5 tries takes about "
        f"{more:,} more held-out cases (Connor 1987)."
    )


def _split_text(measurement: Measurement, file: LabelledFile) -> str:
    split, name = measurement.split, _name(measurement)
    has_authors = any(case.author is not None for case in file.cases)
    by = "author and text" if has_authors else "text; the file names no authors"
    groups = split.development_groups + split.held_out_groups
    return (
        f"{len(file.cases):,} texts, {groups:,} groups by {by}. The threshold is chosen on {len(split.development):,} "
        f"({measurement.development_flagging:,} labelled {name}). Every figure is from the other "
        f"{measurement.held_out:,} ({measurement.flagging:,} labelled {name})."
    )


def _choice_text(measurement: Measurement) -> str:
    calibration = measurement.calibration
    priors = zip(measurement.labels, calibration.prior, strict=False)
    prior = ", ".join(f"{visible_token(label)} {percentage(share)}" for label, share in priors)
    lines = [
        f"Flags {_name(measurement)} from P = {measurement.chosen.threshold:.4f} ({measurement.chosen.reason}).",
        f"Calibration: {calibration.method}{f' (divides by {prior})' if prior else ''}.",
    ]
    return "\n".join(lines)


def _figures_table(measurement: Measurement) -> str:
    at = measurement.at_threshold
    without = f"{measurement.without_verdict:,} of {measurement.held_out:,}"
    rows = [
        _share_row(at.right, "right at the threshold"),
        _share_row(measurement.best_label_right, "right by the most probable label"),
        _share_row(at.precision, "precision: flagged texts that have the label"),
        _share_row(at.recall, "recall: texts with the label that are flagged"),
        _share_row(measurement.base_rate, "base rate: texts that have the label"),
        _estimate_row(measurement.auc, "AUC"),
        _estimate_row(measurement.brier, "Brier score"),
        (percentage(measurement.without_verdict / measurement.held_out), "", without, "without a verdict (not right)"),
    ]
    if at.flags_a_day is not None:
        figures = at.flags_a_day
        rows.append(
            (f"{figures.value:,.1f}", f"{figures.low:,.1f}–{figures.high:,.1f}", f"{figures.of:,}", "flags a day")
        )
    return table(("value", "95 % interval", "n", "figure"), rows, right=(0, 1, 2))


def _thresholds_table(measurement: Measurement) -> str:
    has_rate = measurement.per_day is not None
    header = ["threshold", "right", "precision", "recall", "flagged", *(["flags a day"] if has_rate else [])]
    rows = [_threshold_row(figures, measurement) for figures in measurement.thresholds]
    return table(header, rows, right=(0,))


def _threshold_row(figures: ThresholdFigures, measurement: Measurement) -> list[str]:
    mark = "→ " if figures.threshold == measurement.chosen.threshold else ""
    cells = [f"{mark}{figures.threshold:.4f}"]
    cells += [share_text(share) for share in (figures.right, figures.precision, figures.recall, figures.flagged)]
    a_day = figures.flags_a_day
    return [*cells, *([] if a_day is None else [f"{a_day.value:,.1f} ({a_day.low:,.1f}–{a_day.high:,.1f})"])]


def _bins_table(measurement: Measurement) -> str:
    rows = [_bin_row(bin_) for bin_ in measurement.bins if bin_.share.of]
    name = visible_text(measurement.flag.strip())
    return table((f"P({name})", "mean", f"labelled {name}"), rows, right=(0, 1)) if rows else ""


def _bin_row(bin_: Bin) -> tuple[str, str, str]:
    mean = UNKNOWN if bin_.mean is None else f"{bin_.mean:.3f}"
    return f"{bin_.low:.1f}–{bin_.high:.1f}", mean, share_text(bin_.share)


def _mass_text(measurement: Measurement) -> str:
    if not measurement.label_mass:
        return ""
    lowest, _, quarter, median, three_quarters, _, highest = map(percentage, measurement.label_mass)
    known = measurement.held_out - measurement.failed
    return (
        f"Label mass: median {median}, half of the texts from {quarter} to {three_quarters}, all from {lowest} to "
        f"{highest} (n {known:,})."
    )


def _notes(measurement: Measurement) -> str:
    notes = []
    if measurement.without_verdict:
        failed = f", or an error: {measurement.failed:,}" if measurement.failed else ""
        notes.append(
            f"Texts without a verdict (label mass below {LEAST_LABEL_MASS:.0%}{failed}) count as not right and never "
            "flag. The Brier score and the table of probabilities leave them out."
        )
    if measurement.is_weighted:
        notes.append(
            "The texts were not drawn evenly and are weighted for that. Counts are unweighted, and intervals are "
            "approximate (Kish's effective number of cases)."
        )
    if measurement.flagging < FEW_FLAGGING:
        notes.append(f"Only {measurement.flagging} held-out texts have the label, so precision and recall say little.")
    return "\n".join(notes)


def _share_row(share: Share, what: str) -> tuple[str, str, str, str]:
    if share.value is None:
        return UNKNOWN, "", "0", what
    return f"{share.value:.1%}", f"{_range(share)}%", f"{share.count:,} of {share.of:,}", what


def _estimate_row(estimate: Estimate | None, what: str) -> tuple[str, str, str, str]:
    if estimate is None:
        return UNKNOWN, "", "0", what
    return f"{estimate.value:.3f}", f"{estimate.low:.3f}–{estimate.high:.3f}", f"{estimate.of:,}", what


def _range(share: Share) -> str:
    return f"{100 * share.low:.1f}–{100 * share.high:.1f}"


def _p_text(p_value: float) -> str:
    return "less than 0.0001" if p_value < 0.0001 else f"{p_value:.4f}"


def _name(measurement: Measurement) -> str:
    return visible_text(measurement.flag.strip())
