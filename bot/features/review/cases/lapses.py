"""Questions that may no longer alert: telling their log channels once, and going back to what was confirmed."""

import logging

import discord

from bot.answers.delivery import NO_NEWS_FROM_DISCORD, is_retryable
from bot.engine.executor import ModelExecutor
from bot.features.review.cases.opening import permission_of
from bot.features.review.embeds.questions import lapsed_embed
from bot.features.review.question_buttons import BackButton
from bot.storage.question_records import PlaceQuestion
from bot.storage.store import ReviewStore

log = logging.getLogger(__name__)


async def report_lapses(bot: discord.Client, store: ReviewStore, executor: ModelExecutor) -> None:
    """Tell the log channel of each live question that may no longer alert, once for each change."""
    model = executor.status.model
    if model is None:
        return  # it is loading: what may alert depends on it
    for question in await store.place_questions.live():
        allowed = await permission_of(store, question, model)
        if allowed.measurement is not None:
            if question.told is not None:  # the next lapse is told again
                await store.place_questions.claim_telling(question.id, None)
        elif await store.place_questions.claim_telling(question.id, allowed.fingerprint):
            view = None if allowed.previous is None else BackButton.below(question.id)
            await _post(bot, store, question, lapsed_embed(question, allowed), view)


async def restore_previous(store: ReviewStore, executor: ModelExecutor, question_id: int) -> PlaceQuestion | None:
    """Put the rule of the newest measurement that still holds in force again, and return the question.

    None if there is none: the question was removed, or the model has changed since.
    """
    question, model = await store.place_questions.get(question_id), executor.status.model
    if question is None or model is None:
        return None
    allowed = await permission_of(store, question, model)
    if allowed.measurement is not None:
        return question
    return (
        None if allowed.previous is None else await store.place_questions.set_rule(question.id, allowed.previous.rule)
    )


async def _post(
    bot: discord.Client,
    store: ReviewStore,
    question: PlaceQuestion,
    embed: discord.Embed,
    view: discord.ui.View | None,
) -> None:
    channel = bot.get_partial_messageable(question.log_channel_id, guild_id=question.guild_id)
    try:
        await (channel.send(embed=embed) if view is None else channel.send(embed=embed, view=view))
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as problem:
        log.warning("could not tell a log channel that question %d is in shadow: %s", question.id, problem)
        if is_retryable(problem):
            await store.place_questions.claim_telling(question.id, None)
