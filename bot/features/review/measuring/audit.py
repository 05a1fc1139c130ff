"""Audits: moderators label messages that a question didn't flag, drawn at random and shown without a score."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random

import discord

from bot.answers.answer import Answer
from bot.decisions.gate import decision_of, flag_probability
from bot.decisions.sampling import draw, should_draw_by_score
from bot.errors import UsageError
from bot.features.review.embeds.absences import Absence
from bot.features.review.embeds.audit import MOST_TRIES, AuditProgress, card_answer, finished_answer
from bot.features.review.measuring.audit_buttons import audit_view
from bot.features.review.measuring.audit_card import HASH_LENGTH, AuditCard
from bot.features.review.measuring.texts import Texts
from bot.storage.question_records import PlaceQuestion, QuestionScore
from bot.storage.store import ReviewStore


@dataclass(frozen=True, slots=True)
class _Drawn:
    score: QuestionScore
    weight: float
    text: str


class Audits:
    """Draws the messages of audits, and records their labels. The state of an audit is in its buttons."""

    def __init__(self, store: ReviewStore, texts: Texts) -> None:
        self._store = store
        self._texts = texts
        self._random = Random()  # it draws messages, not secrets

    async def next_card(
        self, question: PlaceQuestion, guild: discord.Guild, *, passed_over: Collection[int] = (), note: str = ""
    ) -> Answer:
        """Return the next message to label, with `note` above it; those `passed_over` come later.

        If none is left, the answer says so.
        """
        absences: list[Absence] = []
        labels = decision_of(question.definition).labels
        cases = await self._store.measurements.labelled_cases(question.id, labels)
        by_score = should_draw_by_score(cases)
        every = await self._store.measurements.unflagged(question.id)
        pool = [score for score in every if score.message_id not in passed_over]
        drawn = await self._draw(question, guild, pool, absences, by_score=by_score)
        if drawn is None and len(pool) < len(every) and len(absences) < MOST_TRIES:
            again = [score for score in every if score.message_id in passed_over]
            drawn = await self._draw(question, guild, again, absences, by_score=by_score)
        flagging = sum(case.is_flagging for case in cases)
        progress = AuditProgress(question, len(cases), flagging, tuple(absences), note, is_by_score=by_score)
        if drawn is None:
            return finished_answer(progress, is_stopped=False)
        score = drawn.score
        card = AuditCard(
            question.id, question.rule.version_id, score.message_id, score.content_hash[:HASH_LENGTH], drawn.weight
        )
        view = audit_view(card, labels)
        return card_answer(progress, guild.id, score.channel_id, score.message_id, drawn.text, view)

    async def label(self, card: AuditCard, number: int, user_id: int) -> str:
        """Record the label with this number for a card's message; return why that is not possible, or ""."""
        question = await self._require(card)
        versions = await self._store.questions.versions(question.question_id)
        definition = next((each.definition for each in versions if each.version_id == card.version_id), None)
        content_hash = await self._store.messages.content_hash(card.message_id)
        if content_hash is None or definition is None:
            return "That message was deleted meanwhile. Nothing was recorded."
        if not content_hash.startswith(card.hash_start):
            return "That message was edited meanwhile, so its label was not recorded."
        label = decision_of(definition).labels[number]
        is_recorded = await self._store.measurements.label(
            question.id, card.message_id, content_hash, label, user_id=user_id, weight=card.weight
        )
        return "" if is_recorded else "That message was deleted or edited meanwhile. Nothing was recorded."

    async def stop(self, question: PlaceQuestion) -> Answer:
        """Return what an audit has so far."""
        cases = await self._store.measurements.labelled_cases(question.id, decision_of(question.definition).labels)
        progress = AuditProgress(question, len(cases), sum(case.is_flagging for case in cases))
        return finished_answer(progress, is_stopped=True)

    async def _require(self, card: AuditCard) -> PlaceQuestion:
        question = await self._store.place_questions.get(card.question_id)
        if question is None:
            raise UsageError("This question is no longer asked in that channel.")
        return question

    async def _draw(
        self,
        question: PlaceQuestion,
        guild: discord.Guild,
        pool: Sequence[QuestionScore],
        absences: list[Absence],
        *,
        by_score: bool,
    ) -> _Drawn | None:
        """Draw messages until one can be shown; add to `absences` why others could not be."""
        left = list(pool)
        while left and len(absences) < MOST_TRIES:
            index, weight = draw([_flag_score(question, score) for score in left], self._random, by_score=by_score)
            score = left.pop(index)
            text, absence = await self._texts.fetch(guild, score.channel_id, score.message_id, score.content_hash)
            if absence is None:
                return _Drawn(score, weight, text)
            absences.append(absence)
        return None


def _flag_score(question: PlaceQuestion, score: QuestionScore) -> float:
    """Return how much an answer speaks for a flag, whatever the direction."""
    probability = flag_probability(question, score)
    return probability if question.rule.direction == "above" else 1 - probability
