"""Models that answer as a test wants."""

from collections.abc import Callable, Mapping
from typing import Any
from unittest.mock import create_autospec

from bot.engine.model import EngineModel
from bot.engine.transformers.engine import TransformersEngine
from bot.questions.language_model import LanguageModel, ModelInfo

Answers = Mapping[type, Callable[[Any], Any]]


def fake_model(info: ModelInfo, answers: Answers, otherwise: Callable[[Any], Any] | None = None) -> LanguageModel:
    """Return a fake with exactly the members of the real model, which answers each kind of question from `answers`."""

    def answer(question: Any, watcher: object = None) -> Any:
        kind = answers.get(type(question), otherwise)
        assert kind is not None, f"nothing answers {question}"
        return kind(question)

    fake: Any = create_autospec(EngineModel, instance=True)
    fake.info = info
    fake.answer.side_effect = answer
    model: LanguageModel = fake
    return model


def engine_of(model: EngineModel) -> TransformersEngine:
    """Return the engine of a model that was loaded here."""
    assert isinstance(model.engine, TransformersEngine)
    return model.engine
