"""Opening cases. Nothing else does, so nothing alerts past the gate."""

from bot.decisions.gate import Permission, flag_probability, model_key, permission
from bot.engine.executor import ModelExecutor
from bot.features.review.showing.thresholds import crosses, flag
from bot.questions.language_model import ModelInfo
from bot.storage.question_records import Measurement, PlaceQuestion, QuestionScore
from bot.storage.records import Case, Due, WatchedPlace
from bot.storage.store import ReviewStore


async def permission_of(store: ReviewStore, question: PlaceQuestion, model: ModelInfo) -> Permission:
    """Return whether a place's question may alert now, computed by `model`."""
    versions = await store.questions.versions(question.question_id)
    definitions = {version.version_id: version.definition for version in versions}
    return permission(question, definitions, await store.measurements.of_question(question.id), model)


class CaseOpener:
    """Opens the cases of scored messages, withdraws those of edited ones, and reopens them."""

    def __init__(self, store: ReviewStore, executor: ModelExecutor) -> None:
        self._store = store
        self._executor = executor

    async def show_score(self, due: Due, place: WatchedPlace, case: Case | None) -> None:
        """Bring the case of the notebook's question up to date. It flags where a moderator gave a threshold."""
        if place.flag_below is None or place.log_channel_id is None:
            return
        result = flag(
            due.positive_probability,
            place.flag_below,
            place.urgent_below,
            was_flagged=case is not None and case.state != "withdrawn",
            was_urgent=case is not None and case.urgent,
        )
        if case is not None:
            await self._store.cases.apply_new_score(
                due.message_id,
                urgent=result.is_urgent,
                below=result.is_flagged,
                positive_probability=due.positive_probability,
                margin=due.margin,
                label_mass=due.label_mass,
                model=due.model,
            )
        elif result.is_flagged:
            await self._store.cases.open(
                due, log_channel_id=place.log_channel_id, urgent=result.is_urgent, flag_below=place.flag_below
            )

    async def show_answer(self, answer: QuestionScore) -> tuple[bool, int | None]:
        """Bring the case of a place's own question up to date; return whether that was possible, and the case's id.

        It is not while the model is loading: what may alert depends on it.
        """
        model = self._executor.status.model
        if model is None:
            return False, None
        question = await self._store.place_questions.get(answer.place_question_id)
        case = None
        if question is not None and question.rule.version_id == answer.version_id:
            case = await self._update(answer, question, model)
        await self._store.showing.mark_looked_at(answer.id)
        return True, None if case is None else case.id

    async def _update(self, answer: QuestionScore, question: PlaceQuestion, model: ModelInfo) -> Case | None:
        case = await self._store.cases.of_message(answer.message_id, question.id)
        probability, rule = flag_probability(question, answer), question.rule
        was_flagged = case is not None and case.state != "withdrawn"
        is_flagged = answer.verdict is not None and crosses(
            probability, rule.threshold, rule.direction, was_flagged=was_flagged
        )
        if was_flagged or (case is not None and not is_flagged):
            return await self._store.cases.apply_new_answer(answer, probability, flagged=is_flagged)
        allowing = await self._allowing(answer, question, model) if is_flagged else None
        if allowing is None:
            return case
        if case is not None:
            return await self._store.cases.apply_new_answer(answer, probability, flagged=True)
        return await self._store.cases.open_for_question(answer, question, allowing, probability)

    async def _allowing(self, answer: QuestionScore, question: PlaceQuestion, model: ModelInfo) -> Measurement | None:
        """Return the measurement that lets this answer alert, None if it may not: the gate."""
        if not question.live or answer.computed_by != model_key(model):
            return None
        return (await permission_of(self._store, question, model)).measurement
