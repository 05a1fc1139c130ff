"""What moderators see of questions: what they ask, whether they may alert, and how they were measured."""

from collections.abc import Sequence
from dataclasses import dataclass

import discord

from bot.answers.answer import AMBER, BLURPLE, GREEN, Answer
from bot.decisions.drift import drift
from bot.decisions.gate import Permission, decision_of, summary_of
from bot.features.review.embeds.card import CAUTION_QUESTION
from bot.features.review.embeds.measured import measured_text
from bot.features.review.embeds.status import FIELD_LIMIT, fitting, precision_text
from bot.questions.decision import Decision
from bot.rendering.prose import plain_excerpt, quote_excerpt
from bot.storage.question_records import Measurement, PlaceQuestion, QuestionCounts, Rule, ServerQuestion
from bot.storage.records import CaseOutcome

QUESTION_SHOWN = 1000
EXAMPLE_LABEL = 20
LIST_LIMIT = 4000
NAMES_SHOWN = 5
_TYPES = {
    "template": "template: the text is put into it, and the labels follow it",
    "noul": "yes or no, asked through the model's chat template",
    "choice": "options, asked through the model's chat template",
    "score": "levels, asked through the model's chat template",
}


def rule_text(rule: Rule) -> str:
    """Return what is flagged, such as ``P(spam) at least 0.8``."""
    side = "at least" if rule.direction == "above" else "at most"
    calibrated = "" if rule.calibration == "none" else f", {rule.calibration} calibration"
    return f"P({label_text(rule.flag_label)}) {side} {rule.threshold:g}{calibrated}"


def label_text(label: str) -> str:
    """Return a label for a sentence, escaped and cut."""
    return plain_excerpt(label.strip(), 40).text


def question_answer(question: ServerQuestion, *, versions: int = 1) -> Answer:
    """Show what a question is: its text, labels and examples."""
    decision = decision_of(question.definition)
    lines = [f"Version {question.version:,} of {versions:,} · {_TYPES[decision.type]}"]
    embed = discord.Embed(title=f"Question {question.name}", description="\n".join(lines), colour=BLURPLE)
    embed.add_field(name="Question", value=quote_excerpt(decision.question, QUESTION_SHOWN).text, inline=False)
    embed.add_field(name="Labels", value=_labels(decision), inline=False)
    if decision.examples:
        shown = FIELD_LIMIT // len(decision.examples) - EXAMPLE_LABEL - 3
        examples = [
            f"{plain_excerpt(example.label.strip(), EXAMPLE_LABEL).text}: "
            f"{plain_excerpt(' '.join(example.text.split()), shown).text}"
            for example in decision.examples
        ]
        embed.add_field(name=f"Examples ({len(examples)})", value="\n".join(examples), inline=False)
    embed.set_footer(text="The model answers this about messages. It can be wrong.")
    return Answer(embed)


def questions_answer(questions: Sequence[ServerQuestion], asked: Sequence[PlaceQuestion]) -> Answer:
    """List a server's questions, and where each is asked."""
    lines = []
    for question in questions:
        places = [f"<#{place.place_id}>" for place in asked if place.question_id == question.id]
        where = f"asked in {', '.join(places[:NAMES_SHOWN])}" if places else "asked nowhere"
        text = plain_excerpt(" ".join(decision_of(question.definition).question.split()), 60).text
        lines.append(f"- **{question.name}** v{question.version:,}: {text} · {where}")
    text = fitting(lines, LIST_LIMIT) or "This server has no questions. Define one with `/review question define`."
    return Answer(discord.Embed(title="Questions", description=text, colour=BLURPLE))


def defined_answer(question: ServerQuestion, asked: Sequence[PlaceQuestion]) -> Answer:
    """Say that a question has a new version, and what follows for the places that ask it."""
    places = ", ".join(f"<#{place.place_id}>" for place in asked[:NAMES_SHOWN])
    lines = [f"**{question.name}** is defined as version {question.version:,}."]
    if asked:
        lines.append(f"It is in force in {places}, without calibration. It alerts again once it is measured there.")
    else:
        lines.append(f"Ask it in a channel with `/review watch question:{question.name}`.")
    return Answer(discord.Embed(title="Question defined", description="\n".join(lines), colour=GREEN))


def deleted_answer(name: str) -> Answer:
    """Say that a question is deleted, and what of it stays."""
    text = (
        f"The question **{name}** is deleted with its versions, examples, labels, scores and measurements, in all "
        "channels. Cases that it flagged keep its name and version."
    )
    return Answer(discord.Embed(title="Question deleted", description=text, colour=GREEN))


def removed_answer(question: PlaceQuestion) -> Answer:
    """Say that a place no longer asks a question."""
    text = (
        f"**{question.name}** is no longer asked about messages in <#{question.place_id}>. Its scores, labels and "
        "measurements there are deleted. Cases that it flagged keep its name and version."
    )
    return Answer(discord.Embed(title="Not watched", description=text, colour=GREEN))


def place_question_answer(question: PlaceQuestion, permission: Permission | None, *, is_new: bool) -> Answer:
    """Say which question a place asks, what it flags, and what it needs before it alerts."""
    start = f"**{question.name}** (version {question.version:,})"
    place = f"<#{question.place_id}>"
    lines = [
        f"{start} is now asked about new messages in {place}." if is_new else f"Changed {start} in {place}.",
        f"It flags {rule_text(question.rule)}, with cards in <#{question.log_channel_id}>.",
        _permission_line(question, permission),
    ]
    return Answer(discord.Embed(title="Watching", description="\n".join(lines), colour=GREEN))


def live_question_answer(question: PlaceQuestion, measurement: Measurement | None, *, on: bool) -> Answer:
    """Say that a place's question alerts, or is in shadow."""
    if not on:
        text = f"**{question.name}** no longer flags messages in <#{question.place_id}>. They are still scored."
        return Answer(discord.Embed(title="Shadow", description=text, colour=GREEN))
    text = (
        f"**{question.name}** now flags messages in <#{question.place_id}>: {rule_text(question.rule)}, with cards in "
        f"<#{question.log_channel_id}>. Its flags were {measured_text(measurement)}."
    )
    return Answer(discord.Embed(title="Live", description=text, colour=GREEN))


def lapsed_embed(question: PlaceQuestion, permission: Permission) -> discord.Embed:
    """Tell a log channel that a question is in shadow again, and why."""
    lines = [
        f"**{question.name}** (version {question.version:,}) no longer flags messages in <#{question.place_id}>: "
        f"{permission.missing}. Messages are still scored.",
    ]
    if permission.previous is not None:
        previous = permission.previous
        lines.append(
            f"*Back to the previous one* restores version {previous.version:,} with {rule_text(previous.rule)}, "
            f"{measured_text(previous)}."
        )
    return discord.Embed(title=f"{question.name} is in shadow again", description="\n".join(lines), colour=AMBER)


def restored_text(question: PlaceQuestion) -> str:
    """Say that an earlier version is in force again."""
    return (
        f"Version {question.version:,} of **{question.name}** is in force again in <#{question.place_id}>: "
        f"{rule_text(question.rule)}."
    )


def status_line(
    question: PlaceQuestion,
    permission: Permission | None,
    counts: QuestionCounts,
    cases: tuple[int, int],
    outcomes: Sequence[CaseOutcome],
) -> str:
    """Return a question's lines in the status of a place: volume, cases, figures, and whether it may alert."""
    flagged, waiting = cases
    confirmed = sum(outcome.confirmed for outcome in outcomes)
    failed = f", {counts.failed:,} could not be" if counts.failed else ""
    figures = [] if permission is None or permission.measured is None else [measured_text(permission.measured)]
    return (
        f"  **{question.name}** v{question.version:,} · **{state_of(question, permission)}** · "
        f"{rule_text(question.rule)} · cards in <#{question.log_channel_id}>\n"
        f"    {counts.scored:,} scored{failed} · {flagged:,} flagged · {confirmed:,} of {len(outcomes):,} decided were "
        f"confirmed · {waiting:,} open · {' · '.join([*figures, _missing(permission)])}"
    )


@dataclass(frozen=True, slots=True)
class QuestionWeek:
    """A week of a place's question, and the week before: how many messages it scored, and how many it would flag."""

    scored: int
    scored_before: int
    flagged: int
    flagged_before: int
    outcomes: Sequence[CaseOutcome]
    all_outcomes: Sequence[CaseOutcome]
    open_cases: int


def question_week_embed(question: PlaceQuestion, permission: Permission | None, week: QuestionWeek) -> discord.Embed:
    """Return the weekly digest of a question: volume and flags with their trend, precision, and drift."""
    measurement = None if permission is None else permission.measurement
    lines = [
        f"<#{question.place_id}>: {week.scored:,} messages scored ({week.scored_before:,} the week before), "
        f"{week.flagged:,} flagged ({week.flagged_before:,}).",
        f"This week {precision_text(week.outcomes)}. In total {precision_text(week.all_outcomes)}.",
    ]
    if measurement is not None:
        lines.append(f"Its flags were {measured_text(measurement)}.")
        drifted = drift([outcome.confirmed for outcome in week.all_outcomes], summary_of(measurement))
        if drifted is not None:
            right, of = drifted
            lines.append(
                f"**Only {right} of the last {of} decided cases were confirmed, below the measured interval.** "
                "The messages or the moderators' view may have changed. Measure the question again."
            )
    elif permission is not None:
        lines.append(f"It is in shadow: {permission.missing}.")
    lines.append("1 case is open." if week.open_cases == 1 else f"{week.open_cases:,} cases are open.")
    embed = discord.Embed(title=f"The week of {question.name}", description="\n".join(lines), colour=BLURPLE)
    embed.set_footer(text=f"Precision: the share of decided cases that were confirmed. {CAUTION_QUESTION}")
    return embed


def state_of(question: PlaceQuestion, permission: Permission | None) -> str:
    """Return whether a question alerts now."""
    if question.live and question.suspended_at is not None:
        return "suspended"
    return "live" if question.live and permission is not None and permission.measurement is not None else "shadow"


def _missing(permission: Permission | None) -> str:
    if permission is None:
        return "can alert once the model is loaded"
    return f"can't alert yet: {permission.missing}" if permission.missing else "can alert"


def _permission_line(question: PlaceQuestion, permission: Permission | None) -> str:
    if question.live and permission is not None and permission.measurement is not None:
        return f"It is **live**. Its flags were {measured_text(permission.measurement)}."
    start = "It is in **shadow**: answers are stored, and nothing is posted."
    if permission is None:
        return start
    if permission.measurement is not None:
        return f"{start} It can alert: start it with `/review live question:{question.name}`."
    return f"{start} It can't alert yet: {permission.missing}."


def _labels(decision: Decision) -> str:
    shown = FIELD_LIMIT // len(decision.labels) - 5
    return " · ".join(f"“{plain_excerpt(label, shown).text}”" for label in decision.labels)
