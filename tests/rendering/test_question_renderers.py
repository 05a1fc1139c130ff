"""The renderers of questions: Discord's limits hold for the longest question, and all text is escaped."""

import re
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.decisions.gate import Permission, definition_of, summary_text
from bot.decisions.summary import MeasurementSummary, Share
from bot.features.review.embeds.card import case_card, digest_embed, digest_options
from bot.features.review.embeds.questions import (
    QuestionWeek,
    defined_answer,
    deleted_answer,
    lapsed_embed,
    live_question_answer,
    place_question_answer,
    question_answer,
    question_week_embed,
    questions_answer,
    removed_answer,
    status_line,
)
from bot.features.review.embeds.status import PlaceStatus, status_answer
from bot.questions.decision import EXAMPLE_LENGTH, LABEL_LENGTH, MOST_EXAMPLES, QUESTION_LENGTH, Decision, Example
from bot.storage.question_records import Measurement, PlaceQuestion, QuestionCounts, Rule, ServerQuestion
from bot.storage.records import Case, CaseEvent, CaseOutcome, WatchedPlace
from tests.rendering.results import check_limits, check_text, texts

WIDEST = 2**64 - 1
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
MEANT = re.compile(r"<@&?\d+>|<#\d+>|<t:\d+:\w>|\]\(https://discord\.com/channels/\d+/\d+/\d+\)")
SHARE = Share(10**6, 10**6, 0.0, 1.0)
SUMMARY = MeasurementSummary(10**6, 10**6, 1.0, SHARE, SHARE, SHARE, SHARE, auc=1.0)
NAME = "n" * 32

lines = texts.map(lambda text: " ".join(text.split()) or "x")


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    """Draw questions with labels and examples as long as they can be."""
    words = draw(st.lists(lines, min_size=2, max_size=10))
    labels = tuple(dict.fromkeys(f"{number}{word * 50}"[:LABEL_LENGTH] for number, word in enumerate(words)))
    examples = tuple(
        Example((draw(lines) * 500)[:EXAMPLE_LENGTH], labels[number % len(labels)])
        for number in range(draw(st.integers(0, MOST_EXAMPLES)))
    )
    question = (draw(lines) * 2000)[: QUESTION_LENGTH - 6].replace("{text}", "") + "{text}"
    return Decision("template", question, labels, examples)


def server_question(decision: Decision, number: int = 0) -> ServerQuestion:
    return ServerQuestion(number, WIDEST, NAME, 1, 10**6, definition_of(decision), WIDEST, NOON)


def place_question(decision: Decision) -> PlaceQuestion:
    rule = Rule(1, decision.labels[0], 0.123456789, "above", "contextual", "[0.5, 0.5]")
    return PlaceQuestion(
        1, WIDEST, WIDEST, 0, NAME, 10**6, definition_of(decision), rule, WIDEST, live=True, set_by=WIDEST,
        set_at=NOON, suspended_at=None, digest_at=None, told=None,
    )  # fmt: skip


def measurement(question: PlaceQuestion) -> Measurement:
    return Measurement(
        1, 1, 10**6, question.rule, "f", "m", summary_text(SUMMARY), 10**6, 10**6, WIDEST, NOON, NOON, WIDEST, NOON,
        partly_deleted=True,
    )  # fmt: skip


@given(decisions())
@settings(max_examples=30, deadline=None)
def test_every_answer_about_a_question(decision: Decision) -> None:
    server, question = server_question(decision), place_question(decision)
    measured = measurement(question)
    refused = Permission("f", None, "it has never been measured; measure it", None, measured)
    allowed = Permission("f", measured, "", measured)
    outcomes = [CaseOutcome(0.5, False, NOON.date())] * 40
    week = QuestionWeek(10**6, 10**6, 10**6, 10**6, outcomes, outcomes, 10**6)
    embeds = [
        question_answer(server, versions=10**6).embed,
        questions_answer([server_question(decision, number) for number in range(25)], [question] * 50).embed,
        questions_answer([], []).embed,
        defined_answer(server, [question] * 50).embed,
        deleted_answer(NAME).embed,
        removed_answer(question).embed,
        live_question_answer(question, measured, on=True).embed,
        live_question_answer(question, None, on=False).embed,
        *(lapsed_embed(question, permission) for permission in (refused, replace(refused, previous=None))),
        *(question_week_embed(question, permission, week) for permission in (None, refused, allowed)),
        *(place_question_answer(question, permission, is_new=True).embed for permission in (None, refused, allowed)),
    ]
    for embed in embeds:
        check_limits(embed)
        for text in (embed.description or "", *(field.value or "" for field in embed.fields)):
            check_text(MEANT.sub("", text))


@given(decisions())
@settings(max_examples=20, deadline=None)
def test_the_status_of_a_place_with_three_questions(decision: Decision) -> None:
    question = place_question(decision)
    measured = measurement(question)
    permission = Permission("f", None, "29 of 30 held-out cases; label more and measure again", measured)
    outcomes = [CaseOutcome(0.5, True, NOON.date())] * 40
    line = status_line(question, permission, QuestionCounts(10**6, 10**6), (10**6, 10**6), outcomes)
    watched = WatchedPlace(
        WIDEST, WIDEST, 0.123456, WIDEST, 1, live=True, watched_by=1, watched_at=NOON, label="reply",
        urgent_below=0.01234567, excerpts=True, suspended_at=NOON, digest_at=None,
    )  # fmt: skip
    status = PlaceStatus(f"<#{WIDEST}>", watched, 10**6, 10**6, outcomes, (), [line] * 3)
    answer = status_answer([status] * 5, waiting=1, exemptions=[], actions=[], model=None)
    check_limits(answer.embed)
    assert str(answer.embed.description).count("decided were confirmed") >= 3, "all questions of the first place"


@given(decisions())
@settings(max_examples=20, deadline=None)
def test_the_card_and_the_digest_of_a_question_s_cases(decision: Decision) -> None:
    question = place_question(decision)
    case = Case(
        1, WIDEST, 10**9, WIDEST, WIDEST, WIDEST, WIDEST, NOON, WIDEST, False, 0.123456789, 0.99999, 1.5, 0.5, "m@r",
        "open", None, None, NOON, None, None, 1, NAME, 10**6, decision.labels[0], "above", 1,
    )  # fmt: skip
    history = [CaseEvent(1, "opened", None, NOON, None, 0.9), CaseEvent(2, "withdrawn", None, NOON, None, 0.1)]
    card = case_card(case, history, None, measurement(question))
    check_limits(card)
    assert "no longer flagged" in str(card.fields[-1].value)
    check_limits(digest_embed([case] * 40))
    assert all(len(option.description or "") <= 100 for option in digest_options([case] * 25))
