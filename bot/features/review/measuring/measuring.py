"""Measuring a place's question on its labelled cases: texts from Discord, answers from the model, figures, a report."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import discord

from bot.answers.client import Interaction
from bot.answers.delivery import NO_NEWS_FROM_DISCORD
from bot.decisions.calibration import CalibrationMethod
from bot.decisions.gate import decision_of, fingerprint, summary_text
from bot.decisions.measurement import Comparison, compare
from bot.decisions.place_measurement import (
    Asked,
    PlaceCase,
    RuleMeasurement,
    measure_rule,
    split_place_cases,
)
from bot.decisions.sampling import case_weights
from bot.decisions.split import Split
from bot.decisions.statistics import require_statistics
from bot.engine.executor import ModelExecutor
from bot.errors import (
    BotError,
    EmptyPrompt,
    InputUnreadable,
    NotPermitted,
    NumbersNotFinite,
    PromptTooLong,
    TokenWithoutWeights,
    UsageError,
)
from bot.features.review.embeds.absences import Absence
from bot.features.review.embeds.report import progress_answer
from bot.features.review.measuring.texts import Texts
from bot.questions.decision import ContentFreeQuestion, Decision, DecisionQuestion, DecisionReading
from bot.questions.language_model import ModelInfo
from bot.storage.question_records import LabelledCase, Measurement, NewMeasurement, PlaceQuestion, Rule
from bot.storage.store import ReviewStore

MOST_CASES = 500  # the newest; their texts are fetched within the 15 minutes that a command can be answered
AT_A_TIME = 16  # questions that wait for the model at once
PACE_SECONDS = 1.5  # between edits of the progress
RATE_DAYS = 30  # over which messages a day are counted
_OF_A_TEXT = (PromptTooLong, EmptyPrompt, InputUnreadable, TokenWithoutWeights, NumbersNotFinite)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question to measure: its name, what it asks, and its rule."""

    name: str
    decision: Decision
    rule: Rule
    has_threshold: bool = True


@dataclass(frozen=True, slots=True)
class MeasuringOptions:
    """How to measure: whether to choose the threshold, and with which calibration instead of the rule's."""

    choose: bool = False
    calibration: CalibrationMethod | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured. `cases` were labelled, and `absences` counts those of them whose texts could not be used."""

    question: PlaceQuestion
    model: ModelInfo
    cases: int
    absences: Counter[Absence]
    rule: RuleMeasurement
    against: RuleMeasurement | None
    comparison: Comparison | None
    stored: Measurement


@dataclass(slots=True)
class _Progress:
    """Shows how far a measurement is."""

    interaction: Interaction
    name: str
    shown_at: float = field(default_factory=time.perf_counter)

    async def show(self, what: str, done: int, of: int) -> None:
        """Edit the answer, unless it was edited just now. A failed edit is left out."""
        if done and time.perf_counter() - self.shown_at < PACE_SECONDS:
            return
        self.shown_at = time.perf_counter()
        try:
            await self.interaction.edit_original_response(embed=progress_answer(self.name, what, done, of).embed)
        except (discord.HTTPException, *NO_NEWS_FROM_DISCORD):
            pass


class Measuring:
    """Measures places' questions, one at a time in each place."""

    def __init__(self, store: ReviewStore, executor: ModelExecutor, texts: Texts) -> None:
        self._store = store
        self._executor = executor
        self._texts = texts
        self._running: set[int] = set()

    async def run(
        self,
        interaction: Interaction,
        guild: discord.Guild,
        question: PlaceQuestion,
        against: Candidate | None,
        options: MeasuringOptions,
    ) -> Report:
        """Measure a question, store the measurement, and return the report. Nobody has confirmed it.

        Raises NotPermitted if the place is being measured, MeasurementUnavailable without scipy, and UsageError if
        there are too few cases.
        """
        if question.place_id in self._running:
            raise NotPermitted(f"A question of <#{question.place_id}> is being measured already. Wait until that ends.")
        self._running.add(question.place_id)
        try:
            await asyncio.to_thread(require_statistics)  # it imports scipy
            return await self._measure(_Progress(interaction, question.name), guild, question, against, options)
        finally:
            self._running.discard(question.place_id)

    async def _measure(
        self,
        progress: _Progress,
        guild: discord.Guild,
        question: PlaceQuestion,
        against: Candidate | None,
        options: MeasuringOptions,
    ) -> Report:
        model = self._executor.status.model
        if model is None:
            raise UsageError("The model is still loading. Try again in a minute.")
        own = Candidate(question.name, decision_of(question.definition), question.rule)
        labelled = await self._labelled(question, own.decision)
        cases, absences = await self._read(progress, guild, question, labelled)
        split = split_place_cases(cases)
        per_day = await self._per_day(question)
        measured = await self._measure_one(progress, question, own, cases, split, options, per_day)
        other = comparison = None
        if against is not None:
            its_options = MeasuringOptions(options.choose or not against.has_threshold)
            other = await self._measure_one(progress, question, against, cases, split, its_options, per_day)
            weights = [cases[index].weight for index in split.held_out]
            comparison = await asyncio.to_thread(compare, measured.figures, other.figures, weights)
        stored = await self._record(question, measured, cases, model, progress.interaction.user.id)
        return Report(question, model, len(labelled), absences, measured, other, comparison, stored)

    async def _labelled(self, question: PlaceQuestion, decision: Decision) -> list[LabelledCase]:
        cases = await self._store.measurements.labelled_cases(question.id, decision.labels)
        if not cases:
            raise UsageError(
                f"{question.name} has no labelled cases in <#{question.place_id}>. Label some with /review audit, or "
                "decide its cases once it is live."
            )
        return cases[:MOST_CASES]

    async def _read(
        self, progress: _Progress, guild: discord.Guild, question: PlaceQuestion, labelled: list[LabelledCase]
    ) -> tuple[list[PlaceCase], Counter[Absence]]:
        """Return the cases whose texts can be used, and how many can't."""
        texts: dict[int, str] = {}
        absences: Counter[Absence] = Counter()
        for number, case in enumerate(labelled):
            await progress.show("texts read", number, len(labelled))
            text, absence = await self._texts.fetch(guild, case.channel_id, case.message_id, case.content_hash)
            if absence is None:
                texts[case.message_id] = text
            else:
                absences[absence] += 1
        usable = [case for case in labelled if case.message_id in texts]
        weights = case_weights(usable, **await self._population(question, labelled))
        return [
            PlaceCase(case, texts[case.message_id], weight) for case, weight in zip(usable, weights, strict=True)
        ], absences

    async def _population(self, question: PlaceQuestion, labelled: list[LabelledCase]) -> dict[str, int]:
        """Return how many messages the decided cases represent, and how many the audited ones."""
        decided = sum(case.source == "decided" for case in labelled)
        flagged, _ = await self._store.place_questions.case_counts(question.id)
        unlabelled = len(await self._store.measurements.unflagged(question.id))
        return {"flagged": max(flagged, decided), "unflagged": unlabelled + len(labelled) - decided}

    async def _per_day(self, question: PlaceQuestion) -> float | None:
        """Return how many messages a day the question was asked about, None without any."""
        now = discord.utils.utcnow()
        scores = await self._store.measurements.scores_since(question.id, now - timedelta(days=RATE_DAYS))
        if not scores:
            return None
        begun = min(score.posted_at for score in scores)
        return len(scores) / max(1.0, (now - begun) / timedelta(days=1))

    async def _measure_one(
        self,
        progress: _Progress,
        question: PlaceQuestion,
        candidate: Candidate,
        cases: list[PlaceCase],
        split: Split,
        options: MeasuringOptions,
        per_day: float | None,
    ) -> RuleMeasurement:
        answers = await self._ask(progress, question.place_id, candidate, [each.text for each in cases])
        content_free = None
        if options.calibration == "contextual":
            free = ContentFreeQuestion(candidate.decision)
            content_free = (await self._executor.submit_background(question.place_id, free)).result
        asked = Asked(candidate.name, candidate.decision, candidate.rule, answers, content_free)
        return await asyncio.to_thread(
            measure_rule, asked, cases, split, method=options.calibration, choose=options.choose, per_day=per_day
        )

    async def _ask(
        self, progress: _Progress, place_id: int, candidate: Candidate, texts: list[str]
    ) -> list[DecisionReading | BotError]:
        answers: list[DecisionReading | BotError] = []
        for start in range(0, len(texts), AT_A_TIME):
            await progress.show(f"answers of {candidate.name}", len(answers), len(texts))
            some = texts[start : start + AT_A_TIME]
            answers += await asyncio.gather(*(self._ask_one(place_id, candidate.decision, text) for text in some))
        return answers

    async def _ask_one(self, place_id: int, decision: Decision, text: str) -> DecisionReading | BotError:
        """Return the answer about a text, or the error that concerns only this text."""
        try:
            return (await self._executor.submit_background(place_id, DecisionQuestion(decision, text))).result
        except _OF_A_TEXT as error:
            return error

    async def _record(
        self, question: PlaceQuestion, measured: RuleMeasurement, cases: list[PlaceCase], model: ModelInfo, user_id: int
    ) -> Measurement:
        summary = measured.summary()
        new = NewMeasurement(
            question.id,
            measured.rule,
            fingerprint(measured.decision, measured.rule, model),
            f"{model.short_name}@{model.revision or 'local'}",
            summary_text(summary),
            summary.held_out,
            summary.flagging,
            tuple(each.case.message_id for each in cases),
        )
        stored = await self._store.measurements.record(new, user_id)
        if stored is None:
            raise UsageError(f"{question.name} is no longer asked in <#{question.place_id}>, so nothing was stored.")
        return stored
