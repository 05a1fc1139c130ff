"""Any text and any tokens: no exception, Discord's limits hold, mentions are escaped, code fences stay closed."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot import errors
from bot.answers.error_reply import bug_embed, error_embed
from bot.engine.waiting import ExecutorStatus, Place
from bot.features.continuation.embed import continuation_answer, draft_answer, token_options
from bot.features.model_card import model_card_answer
from bot.features.sentiment.embed import sentiment_answer
from bot.features.tokenization.embed import tokenization_answer
from bot.questions.continuation import Continuation
from bot.questions.language_model import RunInfo
from bot.questions.sentiment import Sentiment
from bot.questions.tokenization import Tokenization
from tests.rendering.results import (
    check,
    check_embed,
    computed,
    continuations,
    long_texts,
    sentiments,
    texts,
    tokenizations,
)


@given(continuations, computed)
@settings(max_examples=60, deadline=None)
def test_continuation(result: Continuation, run: RunInfo) -> None:
    check(continuation_answer(result, run))
    options = token_options(result)
    assert len(options) <= 25
    for option in options:
        assert 1 <= len(option.label) <= 100
        assert 1 <= len(option.description or "") <= 100


places = st.builds(Place, st.integers(0, 9999), st.none() | st.floats(0, 1e6))


@given(continuations, st.none() | places)
@settings(max_examples=60, deadline=None)
def test_draft(draft: Continuation, place: Place | None) -> None:
    embed = draft_answer(draft, place).embed
    if draft.prompt or draft.text:  # a form's prompt is checked before anything is shown
        check_embed(embed)


@given(texts.filter(bool), st.none() | computed, st.booleans(), st.booleans(), st.integers(0, 9999))
@settings(max_examples=60, deadline=None)
def test_model_card(name: str, run: RunInfo | None, failed: bool, running: bool, waiting: int) -> None:
    model = None if run is None else run.model
    check(model_card_answer(ExecutorStatus(name, model, failed, running, waiting, 9999), "1.2.3"))


@given(sentiments, computed)
@settings(max_examples=60, deadline=None)
def test_sentiment(result: Sentiment, run: RunInfo) -> None:
    check(sentiment_answer(result, run))


@given(tokenizations, st.none() | tokenizations, computed)
@settings(max_examples=60, deadline=None)
def test_tokenization(result: Tokenization, other: Tokenization | None, run: RunInfo) -> None:
    check(tokenization_answer(result, run, other))


@given(long_texts)
@settings(max_examples=60, deadline=None)
def test_errors(text: str) -> None:
    check_embed(error_embed(errors.ModelUnavailable("x", text or "x")))
    check_embed(error_embed(errors.SentimentUnsupported("x", text, [text])))
    check_embed(bug_embed("0123abcd"))


def test_an_error_shows_a_channel_s_name_and_nothing_else_unescaped() -> None:
    description = error_embed(errors.UsageError("<#5> is not watched, **and** neither is <@&6> or <#x>.")).description
    assert description == "<#5> is not watched, \\*\\*and\\*\\* neither is \\<@&6\\> or \\<#x\\>."
