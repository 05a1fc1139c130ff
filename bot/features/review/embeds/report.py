"""The report of a measurement: every figure with its 95 % interval and number of cases, and what is still missing."""

from collections import Counter

import discord

from bot.answers.answer import AMBER, BLURPLE, GREEN, Answer
from bot.decisions.gate import missing_cases
from bot.decisions.measurement import Comparison
from bot.decisions.place_measurement import RuleMeasurement
from bot.decisions.statistics import Estimate
from bot.decisions.summary import Share
from bot.features.review.embeds.absences import Absence, absences_text
from bot.features.review.embeds.questions import rule_text
from bot.questions.decision import LEAST_LABEL_MASS
from bot.questions.language_model import ModelInfo
from bot.rendering.pictures.picture import Picture
from bot.rendering.pictures.reliability import ReliabilityBin, reliability_picture
from bot.rendering.tables import bar, percentage, table
from bot.storage.question_records import PlaceQuestion

SIGNIFICANT = 0.05
THRESHOLDS_SHOWN = (0.1, 0.3, 0.5, 0.7, 0.9)  # in addition to the measured one
_CELLS = 20


def progress_answer(name: str, what: str, done: int, of: int) -> Answer:
    """Show how far a measurement is."""
    text = f"`{bar(done / of if of else 1.0, _CELLS)}` {done:,} of {of:,} {what}"
    return Answer(discord.Embed(title=f"Measuring {name}", description=text, colour=BLURPLE))


def report_answer(
    question: PlaceQuestion,
    model: ModelInfo,
    measured: RuleMeasurement,
    against: RuleMeasurement | None,
    comparison: Comparison | None,
    *,
    cases: int,
    absences: Counter[Absence],
) -> Answer:
    """Return the report on a question, without its picture and button."""
    figures = measured.figures
    missing = missing_cases(figures.held_out, figures.flagging)
    lines = [
        f"**{question.name}** (version {question.version:,}) in <#{question.place_id}>, flagging "
        f"{rule_text(measured.rule)}.",
        _cases_text(measured, cases, absences),
        *_threshold_lines(question, measured),
    ]
    embed = discord.Embed(
        title=f"Measured: {question.name}", description="\n".join(lines), colour=AMBER if missing else GREEN
    )
    embed.add_field(name="Figures", value=_figures(measured), inline=False)
    embed.add_field(name="Better than chance?", value=_chance_text(measured), inline=False)
    embed.add_field(name="By threshold", value=_thresholds_table(measured), inline=False)
    if against is not None and comparison is not None:
        embed.add_field(
            name=f"Against {against.name}", value=_comparison_text(measured, against, comparison), inline=False
        )
    embed.add_field(name="Alerting", value=_alerting_text(question, measured, missing), inline=False)
    embed.set_footer(text=_footer(measured, model))
    return Answer(embed)


def report_picture(measured: RuleMeasurement) -> Picture:
    """Draw how often messages should be flagged, by the probability that the model gave it."""
    bins = [
        ReliabilityBin(each.low, each.high, each.mean, each.share.value, each.share.low, each.share.high, each.share.of)
        for each in measured.figures.bins
    ]
    brier = measured.figures.brier
    summary = "No text has a verdict"
    if brier is not None:
        summary = f"Brier score {brier.value:.3f} ({brier.low:.3f}–{brier.high:.3f}), n {brier.of:,}"
    threshold = measured.threshold_of(measured.rule.threshold)
    return reliability_picture(_flagging_name(measured), bins, threshold, summary)


def confirmed_text(question: PlaceQuestion) -> str:
    """Say that a measurement is confirmed, and what follows."""
    place = f"<#{question.place_id}>"
    start = f"Confirmed. {question.name} has the rule {rule_text(question.rule)} in {place}, as measured."
    if question.live:
        return f"{start} It is live: its flags get cards in <#{question.log_channel_id}> from now on."
    return f"{start} It can alert now: start it with `/review live question:{question.name}`."


def _cases_text(measured: RuleMeasurement, cases: int, absences: Counter[Absence]) -> str:
    figures, split = measured.figures, measured.figures.split
    used = len(split.development) + len(split.held_out)
    groups = split.development_groups + split.held_out_groups
    left_out = absences_text(absences.elements())
    of_cases = f"{cases:,} labelled cases"
    if left_out:
        of_cases = f"{used:,} of {of_cases} (left out: {left_out})"
    return (
        f"{of_cases}, {groups:,} groups by author and text. Every figure is from the {figures.held_out:,} "
        f"that were held out ({figures.flagging:,} to be flagged); {len(split.development):,} were for development."
    )


def _threshold_lines(question: PlaceQuestion, measured: RuleMeasurement) -> list[str]:
    if measured.reason.startswith("not chosen"):
        return (
            [f"The threshold {measured.rule.threshold:g} was {measured.reason}."] if _is_new(question, measured) else []
        )
    if measured.rule.threshold == measured.best:
        return [f"The threshold was chosen on the development part: {measured.reason}."]
    return [
        f"On the development part, {measured.best:.4g} would have {measured.reason}. `threshold:choose` measures that."
    ]


def _figures(measured: RuleMeasurement) -> str:
    figures, at = measured.figures, measured.figures.at_threshold
    lines = [
        f"Right: {_share(at.right)}",
        f"Precision: {_share(at.precision)}",
        f"Recall: {_share(at.recall)}",
        f"Base rate: {_share(figures.base_rate)}",
        f"AUC: {_estimate(figures.auc)}",
        f"Brier score: {_estimate(figures.brier)}",
        f"Label mass: {_mass(measured)}",
    ]
    if at.flags_a_day is not None:
        a_day = at.flags_a_day
        lines.append(f"Flags a day: {a_day.value:,.1f} ({a_day.low:,.1f}–{a_day.high:,.1f}), n {a_day.of:,}")
    return "\n".join(lines)


def _mass(measured: RuleMeasurement) -> str:
    figures = measured.figures
    if not figures.label_mass:
        return f"none of {figures.held_out:,} could be judged"
    median, lowest = figures.label_mass[3], figures.label_mass[0]
    text = f"median {percentage(median)}, lowest {percentage(lowest)}, n {figures.held_out - figures.failed:,}"
    if figures.without_verdict:
        of_them = f"{figures.without_verdict:,} without a verdict (below {LEAST_LABEL_MASS:.0%} or failed)"
        text += f"; {of_them} are not right and not flagged"
    return text


def _chance_text(measured: RuleMeasurement) -> str:
    precision, base = measured.figures.at_threshold.precision, measured.figures.base_rate
    if precision.value is None or base.value is None:
        return "Nothing would have been flagged, so there is no precision. Lower the threshold, or label more."
    start = (
        f"The precision is at least {precision.low:.0%} (lower bound, 95 %). Flagging at random would be right in "
        f"{base.value:.0%} ({base.low:.0%}–{base.high:.0%}), the base rate."
    )
    if precision.low > base.high:
        return f"{start} **The flags are clearly better than chance.**"
    if precision.low > base.value:
        return f"{start} **The flags are probably better than chance**: the base rate's interval reaches higher."
    return f"{start} **That the flags are better than chance is not shown.**"


def _thresholds_table(measured: RuleMeasurement) -> str:
    flagged_at = {each.threshold: each for each in measured.figures.thresholds}
    own = measured.figures.chosen.threshold
    shown = sorted({*THRESHOLDS_SHOWN, own})
    rows = []
    for threshold in shown:
        at = flagged_at[threshold]
        mark = "→" if threshold == own else ""
        a_day = "–" if at.flags_a_day is None else f"{at.flags_a_day.value:,.1f}"
        rows.append((f"{mark}{measured.threshold_of(threshold):.3f}", _short(at.precision), _short(at.recall), a_day))
    text = table(("P", "precision", "recall", "a day"), rows, right=(0,))
    return f"```\n{text}\n```"


def _comparison_text(measured: RuleMeasurement, against: RuleMeasurement, comparison: Comparison) -> str:
    difference = comparison.difference
    first, second = measured.name, against.name
    reach = f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}".replace("-", "−")
    points = f"{100 * difference.value:+.1f}".replace("-", "−")
    at = against.figures.at_threshold
    lines = [
        f"{second} flags {rule_text(against.rule)}{_chosen(against)}. Right: {_share(at.right)}. Precision: "
        f"{_share(at.precision)}. AUC: {_estimate(against.figures.auc)}.",
        f"On the same {comparison.of:,} held-out cases, {comparison.both_right:,} times both are right, "
        f"{comparison.only_first_right:,} times only {first}, {comparison.only_second_right:,} times only {second}, "
        f"{comparison.none_right:,} times neither.",
        f"The shares right differ by {points} percentage points (95 %: {reach}). McNemar's exact test: "
        f"p = {comparison.p_value:.4f}. {_verdict(comparison, first, second)}",
    ]
    return "\n".join(lines)


def _chosen(measured: RuleMeasurement) -> str:
    is_chosen = measured.rule.threshold == measured.best
    return ", chosen on the same development part" if is_chosen else ""


def _verdict(comparison: Comparison, first: str, second: str) -> str:
    if comparison.p_value < SIGNIFICANT:
        better = first if comparison.only_first_right > comparison.only_second_right else second
        return f"**{better} is better** on these cases."
    if comparison.cases_needed is None:
        return "They are right equally often, so no number of cases would tell them apart."
    more = max(1, comparison.cases_needed - comparison.of)
    return f"That is no verdict. A difference of this size takes about {more:,} more held-out cases to find."


def _alerting_text(question: PlaceQuestion, measured: RuleMeasurement, missing: str) -> str:
    if missing:
        return f"It can't be confirmed yet: {missing}."
    text = "It is in shadow until a moderator confirms this measurement."
    if _is_new(question, measured):
        text += f" *Confirm* puts {rule_text(measured.rule)} in force."
    return text


def _footer(measured: RuleMeasurement, model: ModelInfo) -> str:
    parts = [f"{model.short_name} · {model.computed_in}", "Intervals are 95 %"]
    if measured.figures.is_weighted:
        parts.append("Messages were not drawn evenly, so shares are weighted and intervals approximate")
    return ". ".join(parts) + "."


def _flagging_name(measured: RuleMeasurement) -> str:
    label = measured.rule.flag_label.strip()
    return label if measured.rule.direction == "above" else f"not {label}"


def _is_new(question: PlaceQuestion, measured: RuleMeasurement) -> bool:
    return measured.rule != question.rule


def _share(share: Share) -> str:
    if share.value is None:
        return "– (0 of 0)"
    return f"**{share.value:.0%}** ({100 * share.low:.0f}–{100 * share.high:.0f} %), {share.count:,} of {share.of:,}"


def _short(share: Share) -> str:
    if share.value is None:
        return "–"
    return f"{share.value:.0%} ({100 * share.low:.0f}–{100 * share.high:.0f})"


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None:
        return "–"
    return f"**{estimate.value:.3f}** ({estimate.low:.3f}–{estimate.high:.3f}), n {estimate.of:,}"
