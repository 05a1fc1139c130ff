"""What `/review watch`, `live` and `unwatch` do with `question:`, for one question of a place."""

import json
from dataclasses import dataclass, replace

import discord

from bot.answers.answering import defer, reply
from bot.answers.client import Interaction
from bot.decisions.calibration import CalibrationMethod
from bot.decisions.gate import decision_of
from bot.errors import UsageError
from bot.features.review.cases.opening import permission_of
from bot.features.review.commands.shared import asker, require_place_question, require_question
from bot.features.review.embeds.questions import (
    live_question_answer,
    place_question_answer,
    removed_answer,
    rule_text,
)
from bot.features.review.places import LOG_NEEDS, Place, channels_in, check_bot, check_moderator, find_place
from bot.features.review.reader import ReviewReader
from bot.features.review.showing.notices import post_notices
from bot.questions.decision import ContentFreeQuestion, Decision
from bot.storage.place_questions import MOST_PER_PLACE
from bot.storage.question_records import Direction, PlaceQuestion, Rule, ServerQuestion

THRESHOLD = 0.8  # without one: a start to be measured


@dataclass(frozen=True, slots=True)
class GivenRule:
    """The options of a place's question that a moderator gave; the others are None."""

    flag_label: str | None
    threshold: float | None
    direction: Direction | None
    calibration: CalibrationMethod | None
    log_channel: discord.TextChannel | None


async def ask_in_place(
    interaction: Interaction, reader: ReviewReader, channel: Place, name: str, given: GivenRule, *, notice: bool
) -> None:
    """Ask a question in a watched place, in shadow, or change its rule."""
    store = reader.store
    question = await require_question(store, channel.guild, name)
    before = next(
        (each for each in await store.place_questions.asking(question.id) if each.place_id == channel.id), None
    )
    rule = _rule(question, before, given)
    log_channel_id = given.log_channel.id if given.log_channel else None if before is None else before.log_channel_id
    if log_channel_id is None:
        raise UsageError("A question needs a log_channel for the cards of flagged messages. Give one.")
    _check_log(interaction, channel, log_channel_id)
    if not await defer(interaction, private=True):
        return
    asked = decision_of((before or question).definition)
    rule = await _calibrate(interaction, reader, asked, rule, given.calibration)
    try:
        after = await store.place_questions.set(
            channel.id, question.id, rule, log_channel_id=log_channel_id, user_id=interaction.user.id
        )
    except ValueError:
        raise UsageError(
            f"{channel.mention} is asked {MOST_PER_PLACE} questions, the most that a place can have. Remove one with "
            "/review unwatch question:."
        ) from None
    if after is None:
        raise UsageError(f"{channel.mention} is not watched any longer.")
    detail = f"{after.name} version {after.version}, {rule_text(rule)}, log <#{log_channel_id}>"
    await store.audit.record(channel.guild.id, channel.id, interaction.user.id, "ask", detail)
    if before is None and notice:
        text = (
            f"The model also answers the question “{after.name}” about the messages in this channel. "
            f"`/question name:{after.name}` shows what it asks."
        )
        await post_notices(store, channel, text)
    model = reader.executor.status.model
    permission = None if model is None else await permission_of(store, after, model)
    reader.publisher.wake()
    await reply(interaction, place_question_answer(after, permission, is_new=before is None))


async def set_question_live(
    interaction: Interaction, reader: ReviewReader, channel: Place, name: str, *, on: bool
) -> None:
    """Let a place's question alert if the gate allows it, or put it back in shadow."""
    store = reader.store
    question = await require_place_question(store, channel, name)
    measurement = None
    if on:
        _check_log(interaction, channel, question.log_channel_id)
        model = reader.executor.status.model
        if model is None:
            raise UsageError("The model is still loading, and what can alert depends on it. Try again in a minute.")
        permission = await permission_of(store, question, model)
        measurement = permission.measurement
        if measurement is None:
            raise UsageError(f"{question.name} can't alert in {channel.mention} yet: {permission.missing}.")
    if not await defer(interaction, private=True):
        return
    await store.place_questions.set_live(question.id, on)
    action = "ask live" if on else "ask shadow"
    await store.audit.record(channel.guild.id, channel.id, interaction.user.id, action, question.name)
    reader.publisher.wake()
    await reply(interaction, live_question_answer(question, measurement, on=on))


async def stop_asking(interaction: Interaction, reader: ReviewReader, channel: Place, name: str) -> None:
    """Stop asking a question in a place, and delete what belongs to it there."""
    question = await require_place_question(reader.store, channel, name)
    if not await defer(interaction, private=True):
        return
    await reader.store.place_questions.remove(question.id)
    await reader.store.audit.record(channel.guild.id, channel.id, interaction.user.id, "unask", question.name)
    await reply(interaction, removed_answer(question))


def _rule(question: ServerQuestion, before: PlaceQuestion | None, given: GivenRule) -> Rule:
    """Return the given options, with those of `before` or the defaults where they are None."""
    labels = decision_of((before or question).definition).labels
    if given.flag_label is not None:
        label = next((label for label in labels if label.strip() == given.flag_label.strip()), None)
        if label is None:
            listed = ", ".join(label.strip() for label in labels)
            raise UsageError(f"{question.name} has no label {given.flag_label.strip()!r}. Its labels are {listed}.")
    elif before is not None:
        label = before.rule.flag_label
    else:
        listed = ", ".join(label.strip() for label in labels)
        raise UsageError(f"Which label of {question.name} flags a message? Give flag_label: {listed}.")
    threshold = given.threshold if given.threshold is not None else before.rule.threshold if before else THRESHOLD
    direction = given.direction or (before.rule.direction if before else "above")
    # An earlier version that is in force stays until the question is changed again.
    version_id = question.version_id if before is None else before.rule.version_id
    calibration = ("none", "[]") if before is None else (before.rule.calibration, before.rule.prior)
    return Rule(version_id, label, threshold, direction, *calibration)


async def _calibrate(
    interaction: Interaction, reader: ReviewReader, decision: Decision, rule: Rule, method: CalibrationMethod | None
) -> Rule:
    """Return the rule with another calibration, or as it is without `method`.

    The prior of `contextual` is computed here. That of `batch` comes from a measurement.
    """
    if method == "contextual":
        answer = await reader.executor.submit(interaction.user.id, ContentFreeQuestion(decision))
        return replace(rule, calibration=method, prior=json.dumps(answer.result))
    return rule if method is None else replace(rule, calibration="none", prior="[]")


def _check_log(interaction: Interaction, channel: Place, log_channel_id: int) -> None:
    """Raise BotError unless the asker moderates the log channel, it is not the place itself, and the bot can post."""
    log = find_place(channel.guild, log_channel_id)
    if log is None:
        raise UsageError("The log channel was deleted, or the bot can't see it. Choose another log_channel.")
    check_moderator(asker(interaction), log)
    if any(log == part for part in (channel, *channels_in(channel))):
        raise UsageError("The log channel is itself watched. Choose one that only moderators can read.")
    check_bot(log, *LOG_NEEDS)
