"""The renderers of review channels: Discord's limits hold with any amount of data, and all text is escaped."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from unittest.mock import create_autospec

import discord
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.features.review.embeds.backfill import backfill_answer
from bot.features.review.embeds.card import (
    DIGEST_CASES,
    case_card,
    digest_embed,
    digest_options,
    label_text,
    spoilered_excerpt,
)
from bot.features.review.embeds.figures import Week, preview_answer, stats_answer, weekly_embed
from bot.features.review.embeds.privacy import export_answer
from bot.features.review.embeds.status import PlaceStatus, case_answer, live_answer, status_answer, watch_answer
from bot.features.review.showing.thresholds import Suggestion
from bot.questions.language_model import RunInfo
from bot.storage.records import (
    AuditEntry,
    AuthorRow,
    Case,
    CaseEvent,
    CaseOutcome,
    Exemption,
    ScoredMessage,
    Unscored,
    WatchedPlace,
)
from tests.rendering.results import check_limits, check_text, computed, logits, long_texts, probabilities, texts

MEANT = re.compile(r"<@&?\d+>|<#\d+>|<t:\d+:\w>|\]\(https://discord\.com/channels/\d+/\d+/\d+\)")
WIDEST = 2**64 - 1
ids = st.just(WIDEST) | st.integers(1, WIDEST)
moments = st.datetimes(datetime(2015, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
thresholds = st.none() | probabilities
watched = st.builds(
    WatchedPlace, ids, ids, thresholds, ids, ids, st.booleans(), ids, moments,
    st.sampled_from(["none", "react", "reply"]), thresholds, st.booleans(), st.none() | moments, st.none() | moments,
)  # fmt: skip
outcomes = st.lists(st.builds(CaseOutcome, probabilities, st.booleans(), st.dates()), max_size=30)
scored = st.builds(ScoredMessage, ids, ids, ids, moments, probabilities, logits, probabilities, texts)
cases = st.builds(
    Case, ids, ids, st.integers(1, 10**9), ids, ids, ids, ids, moments, ids, st.booleans(), probabilities,
    probabilities, logits, probabilities, texts, st.sampled_from(["open", "claimed", "confirmed", "dismissed"]),
    st.none() | ids, st.none() | ids, moments, st.none() | ids, st.none() | ids,
)  # fmt: skip
notes = texts | st.just("\ud800 *|" * 200)
events = st.builds(
    CaseEvent, st.integers(1, 10**6),
    st.sampled_from(["opened", "edited", "withdrawn", "reopened", "urgent", "claimed", "confirmed", "noted"]),
    ids, moments, notes, probabilities,
)  # fmt: skip
histories = st.lists(events, min_size=1, max_size=60)


def channel(id_: int = WIDEST) -> Any:
    fake = create_autospec(discord.TextChannel, instance=True)
    fake.mention, fake.guild.id = f"<#{id_}>", id_
    return fake


def check_review(embed: discord.Embed) -> None:
    """Check an embed that mentions members and channels on purpose, and nothing else."""
    check_limits(embed)
    for text in (embed.description or "", *(field.value or "" for field in embed.fields)):
        check_text(MEANT.sub("", text))


@given(cases, histories, texts)
@settings(max_examples=60, deadline=None)
def test_a_case(case: Case, history: list[CaseEvent], message: str) -> None:
    excerpt = spoilered_excerpt(message) if message.strip() else None
    card = case_card(case, history, excerpt)
    check_review(card)
    check_review(case_answer(case, history).embed)
    if excerpt is not None:
        assert excerpt[2:-2].replace("\\|", "").count("|") == 0  # nothing inside ends the spoiler


@given(st.lists(cases, min_size=1, max_size=40))
@settings(max_examples=40, deadline=None)
def test_a_digest(flagged: list[Case]) -> None:
    check_review(digest_embed(flagged))
    for option in digest_options(flagged):
        assert 1 <= len(option.label) <= 100
        assert 1 <= len(option.description or "") <= 100
    for says in ("positive", "negative"):
        check_text(label_text(says, flagged[0].positive_probability))


@given(cases)
@settings(max_examples=5, deadline=None)
def test_a_digest_says_how_many_cases_it_does_not_list(case: Case) -> None:
    for count, rest in ((DIGEST_CASES, None), (DIGEST_CASES + 1, "… and 1 more"), (DIGEST_CASES + 9, "… and 9 more")):
        digest = digest_embed([case] * count)
        listed = (digest.description or "").splitlines()[1:]
        assert (digest.title, len(digest_options([case] * count))) == (f"{count} more messages flagged", DIGEST_CASES)
        assert len(listed) == DIGEST_CASES + (rest is not None)
        assert rest is None or listed[-1].startswith(f"{rest}, up to case {case.number:,}")


statuses = st.builds(
    PlaceStatus, st.just(f"<#{WIDEST}>"), watched, st.integers(0, 10**9), st.integers(0, 10**6), outcomes
)
unscored = st.builds(Unscored, ids, ids, st.sampled_from(["not_finite", "model", "database", "unreadable", "bot"]))
exemptions = st.builds(Exemption, ids, st.sampled_from(["role", "user"]), ids)
actions = st.builds(
    AuditEntry, st.none() | ids, ids, st.sampled_from(["watch", "unwatch", "live", "shadow", "export", "exempt"]),
    st.just("x" * 200) | st.just("flags below 0.2"), moments,
)  # fmt: skip


@given(
    st.lists(statuses, min_size=1, max_size=5), st.integers(0, 60), st.lists(exemptions, max_size=5),
    st.lists(actions, max_size=5), st.none() | computed, st.lists(unscored, max_size=9),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_the_status_of_many_places(
    places: list[PlaceStatus],
    times: int,
    exempt: list[Exemption],
    latest: list[AuditEntry],
    run: RunInfo | None,
    failed: list[Unscored],
) -> None:
    answer = status_answer(
        places * times,
        waiting=10**9,
        exemptions=exempt * times,
        actions=latest * times,
        model=None if run is None else run.model,
        unscored=failed,
        unscored_count=10**9 if len(failed) > 5 else len(failed),
        guild_id=WIDEST,
    )
    check_review(answer.embed)


@given(watched, st.booleans(), st.booleans(), st.integers(0, 99), st.integers(0, 20))
@settings(max_examples=40, deadline=None)
def test_watching_and_going_live(place: WatchedPlace, is_new: bool, notice: bool, notices: int, left_out: int) -> None:
    others = [channel()] * left_out
    check_review(watch_answer(channel(), place, is_new=is_new, notice=notice, notices=notices, left_out=others).embed)
    check_review(live_answer(channel(), place, on=is_new).embed)


@given(watched, st.lists(scored, max_size=30), outcomes, probabilities, st.booleans())
@settings(max_examples=20, deadline=None)
async def test_a_preview(
    place: WatchedPlace,
    messages: list[ScoredMessage],
    decided: list[CaseOutcome],
    flag_below: float,
    is_suggested: bool,
) -> None:
    suggestion = Suggestion(flag_below, 10**6, 10**6, 10**6, 10**6) if is_suggested else None
    answer = await preview_answer(channel(), place, messages, decided, flag_below, suggestion)
    check_review(answer.embed)
    assert 0 < len(answer.attachments[0].description) <= 1024


@given(st.lists(scored, max_size=60), st.integers(1, 400))
@settings(max_examples=20, deadline=None)
async def test_statistics(messages: list[ScoredMessage], days: int) -> None:
    newest = max((message.posted_at for message in messages), default=datetime(2026, 1, 1, tzinfo=UTC)).date()
    answer = await stats_answer(f"<#{WIDEST}>", messages * 5, days, newest)
    check_review(answer.embed)
    for file in answer.attachments:
        assert 0 < len(file.description) <= 1024


@given(st.lists(probabilities, max_size=60), outcomes, outcomes, st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_a_week(
    scores: Sequence[float], decided: list[CaseOutcome], all_decided: list[CaseOutcome], open_cases: int
) -> None:
    check_review(weekly_embed(f"<#{WIDEST}>", Week(scores, decided, all_decided, open_cases)))


def test_a_week_of_few_messages_does_not_say_how_many_are_positive() -> None:
    few, enough = (weekly_embed("<#1>", Week([0.9] * count, [], [], 0)).description or "" for count in (4, 5))
    assert "4 messages scored." in few
    assert "5 messages scored, 100% of them positive." in enough


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.booleans(), st.booleans())
@example(skipped=0, scored=0, waiting=0, is_read=False, is_stopped=False)
@settings(max_examples=40, deadline=None)
def test_a_backfill(skipped: int, scored: int, waiting: int, is_read: bool, is_stopped: bool) -> None:
    seen = skipped + scored + waiting
    answer = backfill_answer(
        f"<#{WIDEST}>", seen, seen + 1, scored + waiting, waiting, is_read=is_read, is_stopped=is_stopped
    )
    check_review(answer.embed)


rows = st.builds(
    AuthorRow, ids, ids, ids, ids, moments, texts, st.booleans(), st.none() | texts, st.none() | long_texts,
    thresholds, st.none() | logits, thresholds, st.none() | moments,
)  # fmt: skip


@given(st.lists(rows, max_size=20), st.lists(cases, max_size=9))
@settings(max_examples=40, deadline=None)
def test_a_member_s_copy(messages: list[AuthorRow], flagged: list[Case]) -> None:
    answer = export_answer(messages, flagged)
    check_review(answer.embed)
    kept = json.loads(answer.attachments[0].content)
    assert [row["message_id"] for row in kept["messages"]] == [str(row.message_id) for row in messages]
    assert len(kept["cases"]) == len(flagged)
