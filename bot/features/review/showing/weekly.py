"""The weekly digest in log channels."""

import logging
from datetime import timedelta
from functools import partial

import discord

from bot.answers.delivery import NO_NEWS_FROM_DISCORD
from bot.decisions.gate import flag_probability
from bot.engine.executor import ModelExecutor
from bot.features.review.cases.opening import permission_of
from bot.features.review.embeds.figures import Week, weekly_embed
from bot.features.review.embeds.questions import QuestionWeek, question_week_embed
from bot.features.review.showing.thresholds import crosses
from bot.features.review.worker import attempt
from bot.storage.question_records import PlaceQuestion, QuestionScore
from bot.storage.records import WatchedPlace
from bot.storage.store import ReviewStore

WEEK = timedelta(days=7)

log = logging.getLogger(__name__)


async def post_weekly_digests(bot: discord.Client, store: ReviewStore) -> None:
    """Post the digest of each live place whose last digest is a week old, at most once each."""
    now = discord.utils.utcnow()
    for watched in await store.places.all():
        if watched.live and watched.suspended_at is None and watched.log_channel_id is not None:
            is_due = watched.digest_at is None or now - watched.digest_at >= WEEK
            if is_due and await store.places.set_digest_at(watched.place_id, watched.digest_at, now):
                await attempt(partial(_post, bot, store, log_channel_id=watched.log_channel_id), watched)


async def post_question_digests(bot: discord.Client, store: ReviewStore, executor: ModelExecutor) -> None:
    """Post the digest of each live question whose last digest is a week old, at most once each."""
    now = discord.utils.utcnow()
    for question in await store.place_questions.live():
        is_due = question.digest_at is None or now - question.digest_at >= WEEK
        if question.suspended_at is not None or not is_due:
            continue
        if await store.place_questions.set_digest_at(question.id, question.digest_at, now):
            await attempt(partial(_post_question, bot, store, executor), question)


async def _post_question(
    bot: discord.Client, store: ReviewStore, executor: ModelExecutor, question: PlaceQuestion
) -> bool:
    now, place_id = discord.utils.utcnow(), question.place_id
    scores = await store.measurements.scores_since(question.id, now - 2 * WEEK)
    weeks = [[score for score in scores if (score.posted_at >= now - WEEK) == is_last] for is_last in (False, True)]
    flags = [sum(_would_flag(question, score) for score in week) for week in weeks]
    outcomes = [
        await store.cases.outcomes(place_id, since, place_question_id=question.id)
        for since in ((now - WEEK).date(), None)
    ]
    _, open_cases = await store.place_questions.case_counts(question.id)
    week = QuestionWeek(len(weeks[1]), len(weeks[0]), flags[1], flags[0], outcomes[0], outcomes[1], open_cases)
    model = executor.status.model
    permission = None if model is None else await permission_of(store, question, model)
    channel = bot.get_partial_messageable(question.log_channel_id, guild_id=question.guild_id)
    try:
        await channel.send(embed=question_week_embed(question, permission, week))
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
        log.warning("could not post the weekly digest of question %d: %s", question.id, problem)
    return True


def _would_flag(question: PlaceQuestion, score: QuestionScore) -> bool:
    """Return whether the rule in force flags an answer. An answer to another version is not comparable."""
    if score.version_id != question.rule.version_id or score.verdict is None:
        return False
    return crosses(flag_probability(question, score), question.rule.threshold, question.rule.direction)


async def _post(bot: discord.Client, store: ReviewStore, watched: WatchedPlace, *, log_channel_id: int) -> bool:
    since = discord.utils.utcnow() - WEEK
    week = Week(
        probabilities=[message.positive_probability for message in await store.scores.latest(watched.place_id, since)],
        outcomes=await store.cases.outcomes(watched.place_id, since.date()),
        all_outcomes=await store.cases.outcomes(watched.place_id),
        open_cases=await store.cases.open_count(watched.place_id),
    )
    channel = bot.get_partial_messageable(log_channel_id, guild_id=watched.guild_id)
    try:
        await channel.send(embed=weekly_embed(f"<#{watched.place_id}>", week))
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
        log.warning("could not post the weekly digest of place %d: %s", watched.place_id, problem)
    return True
