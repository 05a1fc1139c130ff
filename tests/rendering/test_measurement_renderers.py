"""What an audit and a measurement show: Discord's limits hold for the longest labels, and all text is escaped."""

import re
from collections import Counter
from datetime import UTC, datetime
from typing import cast, get_args

import discord
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.decisions.gate import decision_of, definition_of
from bot.decisions.measurement import compare
from bot.decisions.place_measurement import Asked, PlaceCase, RuleMeasurement, measure_rule, split_place_cases
from bot.decisions.split import Split
from bot.features.review.embeds.absences import Absence
from bot.features.review.embeds.audit import AuditProgress, card_answer, finished_answer
from bot.features.review.embeds.report import confirmed_text, report_answer, report_picture
from bot.questions.decision import LABEL_LENGTH, Decision, DecisionReading, LabelScore
from bot.questions.language_model import ModelInfo
from bot.storage.question_records import Direction, LabelledCase, PlaceQuestion, Rule
from tests.rendering.results import check_limits, check_text, texts

WIDEST = 2**64 - 1
NAME = "n" * 32
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
ABSENCES = cast("tuple[Absence, ...]", get_args(Absence))
MEANT = re.compile(r"<#\d+>|\]\(https://discord\.com/channels/\d+/\d+/\d+\)")
INFO = ModelInfo("m" * 80, "m" * 80, None, "float32", "cpu", 1024, 100, 1000)

labels = texts.map(lambda text: ((" ".join(text.split()) or "x") * 40)[:LABEL_LENGTH])
directions = st.sampled_from(cast("tuple[Direction, ...]", get_args(Direction)))


def place_question(label: str, direction: Direction) -> PlaceQuestion:
    decision = Decision("template", "{text}", (label, "other" if label != "other" else "another"))
    rule = Rule(1, label, 0.123456789, direction)
    return PlaceQuestion(
        1, WIDEST, WIDEST, 0, NAME, 10**6, definition_of(decision), rule, WIDEST, live=False, set_by=1, set_at=NOON,
        suspended_at=None, digest_at=None, told=None,
    )  # fmt: skip


def cases(count: int) -> list[PlaceCase]:
    return [
        PlaceCase(
            LabelledCase(number, 2, number, "hash", None, number % 3 == 0, 1.0, "audited", number),
            f"text {number}",
            1.0 + number % 2,
        )
        for number in range(count)
    ]


def measured(
    question: PlaceQuestion, labelled: list[PlaceCase], split: Split, *, choose: bool, mass: float
) -> RuleMeasurement:
    decision = decision_of(question.definition)
    answers = []
    for number in range(len(labelled)):
        shares = (number % 10 / 10, 1 - number % 10 / 10)
        scores = [
            LabelScore(label, (1,), None, -1.0, share) for label, share in zip(decision.labels, shares, strict=True)
        ]
        answers.append(DecisionReading("prompt", (1,), tuple(scores), mass))
    asked = Asked(NAME, decision, question.rule, answers)
    return measure_rule(asked, labelled, split, choose=choose, per_day=10.0**6)


def check_answer(embed: discord.Embed) -> None:
    check_limits(embed)
    for text in (embed.description or "", *(field.value or "" for field in embed.fields)):
        check_text(MEANT.sub("", text))


@given(labels, directions, st.booleans(), st.sampled_from([0.5, 0.001]), st.sampled_from([12, 90]))
@settings(max_examples=30, deadline=None)
def test_the_report_of_a_measurement(label: str, direction: Direction, choose: bool, mass: float, count: int) -> None:
    question, labelled = place_question(label, direction), cases(count)
    split = split_place_cases(labelled)
    first = measured(question, labelled, split, choose=choose, mass=mass)
    second = measured(question, labelled, split, choose=not choose, mass=0.5)
    comparison = compare(first.figures, second.figures)
    absences = Counter(dict.fromkeys(ABSENCES, 10**6))
    alone = report_answer(question, INFO, first, None, None, cases=count, absences=Counter())
    both = report_answer(question, INFO, first, second, comparison, cases=count + 4 * 10**6, absences=absences)
    assert len(both.embed.fields) == len(alone.embed.fields) + 1
    check_answer(alone.embed)
    check_answer(both.embed)
    check_text(MEANT.sub("", confirmed_text(question)))


def test_the_picture_of_a_measurement_names_what_is_flagged() -> None:
    labelled = cases(90)
    split = split_place_cases(labelled)
    upwards, downwards = (
        measured(place_question("spam", direction), labelled, split, choose=False, mass=0.5)
        for direction in cast("tuple[Direction, ...]", get_args(Direction))
    )
    assert "P(spam)" in report_picture(upwards).alt
    assert "P(not spam)" in report_picture(downwards).alt
    assert "Flags from 0.8765." in report_picture(downwards).alt


@given(texts.map(lambda text: text * 300), labels, directions)
@settings(max_examples=30, deadline=None)
def test_a_message_in_an_audit(text: str, label: str, direction: Direction) -> None:
    progress = AuditProgress(
        place_question(label, direction), 10**6, 10**6, ABSENCES * 6, "That message was edited.", is_by_score=True
    )
    check_answer(card_answer(progress, WIDEST, WIDEST, WIDEST, text or "x", None).embed)
    check_answer(finished_answer(progress, is_stopped=False).embed)
    check_answer(finished_answer(progress, is_stopped=True).embed)
