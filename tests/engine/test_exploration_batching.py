"""The explorer's operations give the same results beside other requests, and don't hold those up."""

from typing import Any

import pytest

from bot.engine.model import EngineModel
from bot.engine.transformers import forward_passes
from bot.questions.comparison import ComparisonQuestion
from bot.questions.contrast import ContrastQuestion
from bot.questions.sampler import SamplerQuestion
from bot.questions.sentiment import EvidenceQuestion, SentimentQuestion
from bot.questions.topk import RevealQuestion, SampledStepQuestion, TopKQuestion
from bot.questions.why import WhyQuestion
from bot.questions.xray import XrayQuestion
from tests.engine.operations import Operation, result_of, results_of
from tests.engine.requests import Ask, Start, assert_same, mixed_requests, until
from tests.engine.watching import Cancelling

TEXT = "It was a dark and stormy night; the rain fell in torrents, and the wind " * 6
CONTRAST = ContrastQuestion("Once upon a time there was a", "Once upon a night there was a")


def explorations(judges: bool) -> list[Ask]:
    asks: list[Ask] = [
        lambda model, _: model.answer(XrayQuestion(TEXT)),
        lambda model, _: model.answer(XrayQuestion("Once upon a time")),
        lambda model, _: model.answer(TopKQuestion("Once upon", 10, (5, 300, 7), 0.7)),
        lambda model, _: model.answer(SampledStepQuestion(TopKQuestion("Once upon", 1, (5, 300, 7), 1.4), 11)).steps[
            -1
        ],
        lambda model, _: model.answer(RevealQuestion("Once upon", 1, (5, 300, 7))).guesses,
        lambda model, stop: model.answer(ComparisonQuestion("Once upon", 8, 3, 3, 1.5), Cancelling(stop)),
        lambda model, _: model.answer(SamplerQuestion("Once upon", 1.5, 20, 0.8, 1.2)),
        lambda model, _: CONTRAST.outcome(model.answer(CONTRAST)),
        lambda model, _: model.answer(WhyQuestion(TEXT)),
        lambda model, _: model.answer(WhyQuestion("Once upon a", "time", "day")),
    ]
    if judges:
        asks.append(lambda model, _: model.answer(EvidenceQuestion("I loved it, though the plot was thin. " * 3)))
    return asks


def numbers(result: Any) -> tuple[list[Any], list[float]]:
    """Return all values in a result: those that must be equal, and the floats that can differ by rounding."""
    exact: list[Any] = []
    rounded: list[float] = []

    def walk(value: Any) -> None:
        if isinstance(value, float):
            rounded.append(value)
        elif isinstance(value, tuple):
            for item in value:
                walk(item)
        elif hasattr(type(value), "__slots__") and hasattr(type(value), "__dataclass_fields__"):
            for name in type(value).__dataclass_fields__:
                walk(getattr(value, name))
        else:
            exact.append(value)

    walk(result)
    return exact, rounded


@pytest.mark.parametrize("piece_tokens", [11, 256])
@pytest.mark.parametrize("name", ["demo_model", "stories_model"])
async def test_each_exploration_gives_the_same_result_alone_and_together(
    start: Start, name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, piece_tokens: int
) -> None:
    model: EngineModel = request.getfixturevalue(name)
    judges = name == "demo_model"
    asks = explorations(judges)
    others = mixed_requests(8, judges=judges)
    alone = [ask(model, lambda: False) for ask in [*asks, *others]]
    monkeypatch.setattr(forward_passes, "PIECE_TOKENS", piece_tokens)
    executor = start(model, batch_size=16)
    together = await results_of(
        *(executor.submit(number, Operation(ask)) for number, ask in enumerate([*asks, *others]))
    )
    for expected, actual in zip(alone[: len(asks)], together[: len(asks)], strict=True):
        exact, rounded = numbers(expected)
        actual_exact, actual_rounded = numbers(actual)
        assert actual_exact == exact
        assert actual_rounded == pytest.approx(rounded, rel=1e-4, abs=1e-4)
    for expected, actual in zip(alone[len(asks) :], together[len(asks) :], strict=True):
        assert_same(expected, actual)


async def test_cancelled_evidence_stops(start: Start, demo_model: EngineModel) -> None:
    executor = start(demo_model)
    future = executor.submit(
        1, Operation(lambda model, _: model.answer(EvidenceQuestion("A good film, and long. " * 40)))
    )
    await until(lambda: executor.status.running)
    future.cancel()
    await until(lambda: not executor.status.running)
    assert (
        await result_of(executor.submit(1, Operation(lambda model, _: model.answer(SentimentQuestion("Good.")))))
    ).label == "Positive"
