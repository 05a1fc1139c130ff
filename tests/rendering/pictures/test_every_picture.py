"""Every picture has one width and keeps Discord's limits, for a text of one token or 300, in any script."""

import importlib
import inspect
import math
import pkgutil
from collections.abc import Callable, Sequence
from datetime import date
from itertools import cycle, islice
from types import ModuleType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import bot.features
import bot.rendering.pictures
from bot.features.comparison.picture import beam_tree_picture
from bot.features.continuation.picture import continuation_picture
from bot.features.contrast.picture import contrast_picture
from bot.features.decision import picture as decision
from bot.features.diff.picture import diff_picture
from bot.features.layers.picture import layers_picture
from bot.features.review.embeds.periods import Period
from bot.features.review.embeds.spread import spread_picture
from bot.features.review.embeds.trend import trend_picture
from bot.features.sampler.picture import stages_picture
from bot.features.sentiment import picture as sentiment
from bot.features.tokenization.picture import token_borders_picture
from bot.features.why.picture import why_picture
from bot.features.xray.picture import xray_picture
from bot.questions.comparison import BeamCandidate, BeamStep, BeamTree, Comparison
from bot.questions.continuation import Continuation, WrittenToken
from bot.questions.contrast import Contrast, Density, Mover
from bot.questions.decision import DecisionEvidence, DecisionReading, LabelCalibration, LabelScore
from bot.questions.diff import Diff, Part
from bot.questions.evidence import WordEvidence
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import ModelInfo
from bot.questions.layers import Layer, LayerPosition, LayerReadings
from bot.questions.sampler import Distribution, SamplerStage, SamplerStages, SweepPoint
from bot.questions.sentiment import Calibration, Sentiment, SentimentEvidence
from bot.questions.tokenization import Tokenization
from bot.questions.tokens import Likelihood, NextTokens, ScoredToken, Token, TokenProbability
from bot.questions.topk import WalkStep
from bot.questions.why import TokenEvidence
from bot.questions.xray import Surprisals, TokenSurprisal
from bot.rendering.pictures.candidates import candidates_picture
from bot.rendering.pictures.picture import Picture
from bot.rendering.pictures.reliability import ReliabilityBin, reliability_picture
from bot.rendering.pictures.words import WordEffects, words_picture
from tests.rendering.pictures.checks import draw_checked
from tests.rendering.pictures.tokens import ODD, candidate, token_texts

Texts = Sequence[str]
SAMPLING = GenerationParameters.from_options(strategy="sample", seed=1)


def tokens(texts: Texts) -> tuple[Token, ...]:
    return tuple(Token(1000 + position, text) for position, text in enumerate(texts))


def candidates(texts: Texts) -> tuple[TokenProbability, ...]:
    return tuple(candidate(1 + rank, token, 0.5 / (1 + rank)) for rank, token in enumerate(tokens(texts)))


def words(texts: Texts) -> tuple[WordEvidence, ...]:
    return tuple(WordEvidence(0, 0, text, math.sin(position)) for position, text in enumerate(texts))


def surprisals(texts: Texts) -> Surprisals:
    first, *rest = tokens(texts)
    entries = [TokenSurprisal(token, Likelihood(-float(place % 12), 7 ** (place % 6)), ()) for place, token in
               enumerate(rest)]  # fmt: skip
    return Surprisals("".join(texts), (TokenSurprisal(first, None, ()), *entries), len(rest))


def tokenization(texts: Texts) -> Picture:
    whole = Tokenization("".join(texts), tokens(texts))
    return token_borders_picture(whole, Tokenization(texts[-1], tokens(texts)[-9:]))


def beams(texts: Texts) -> Picture:
    steps = [
        BeamStep(
            (
                BeamCandidate(0, token, -1.0, -1.0 - place, "kept", 0),
                BeamCandidate(0, token, -2.0, -9.0, "pruned", None),
            )
        )
        for place, token in enumerate(tokens(texts[:64]))
    ]
    return beam_tree_picture(Comparison("".join(texts), (), BeamTree(1, tuple(steps), (0,) * len(steps))))


def contrast(texts: Texts) -> Picture:
    movers = tuple(Mover(token, -1.0, -1.5 - token.id % 7, 0.1) for token in tokens(texts[:20]))
    density = Density(-8, 48, ((3, 3, 4000),))
    return contrast_picture(Contrast("".join(texts), texts[0], (1,), (2,), 1.5, 0.75, 0.25, movers, density))


def decide(texts: Texts) -> Picture:
    label = texts[0] or "yes"
    labels = (LabelScore(label, (1,), 2.0, -0.1, 0.9), LabelScore(f"not {label}", (2,), 1.0, -2.0, 0.1))
    reading = DecisionReading("prompt", (1,), labels, 0.8)
    evidence = DecisionEvidence(reading, label, words(texts), 1, LabelCalibration((0.5, 0.5), (0.7, 0.3)))
    return decision.evidence_picture("".join(texts), evidence)


def diff(texts: Texts) -> Picture:
    models = [ModelInfo(texts[0], texts[-1], None, dtype, "cpu", 512, 4096, 1) for dtype in ("float32", "int8")]
    shown = tuple(Part(text, (1,), (1,), 1.0, float(place % 7), None, None) for place, text in enumerate(texts))
    return diff_picture(Diff(models[0], models[1], surprisals(texts), surprisals(texts), shown, True))


def layers(texts: Texts) -> Picture:
    rows = [[LayerPosition(place, (entry,), 2.0) for place, entry in enumerate(candidates(texts))] for _ in range(20)]
    found = tuple(Layer(number, tuple(row)) for number, row in enumerate(rows))
    return layers_picture(LayerReadings("".join(texts), (1,) * len(texts), tokens(texts), found))


def sampler(texts: Texts) -> Picture:
    shown = Distribution(len(texts), 1.5, candidates(texts[:10]))
    stages = (SamplerStage("top_k", 0.5, True, shown, 0, 0.0, ()), SamplerStage("top_p", 0.5, True, shown, 0, 0.0, ()))
    sweep = tuple(SweepPoint(number / 10, number / 5, number) for number in range(1, 21))
    return stages_picture(SamplerStages("".join(texts), (1,), SAMPLING, shown, stages, sweep))


def judge(texts: Texts) -> Picture:
    verdict = Sentiment("".join(texts), "Positive", 2.5, 1.5, -2.0, -3.0, 0.75, 0.25, 0.25, (1,), 2)
    calibration = Calibration(0.6, 0.4, 0.5, 0.5, "Negative")
    return sentiment.evidence_picture(SentimentEvidence(verdict, words(texts), 1, calibration))


def why(texts: Texts) -> Picture | None:
    first, second = candidates((texts[0], texts[-1]))
    return why_picture(TokenEvidence("".join(texts), (1,), first, second, words(texts), 1))


def continuation(texts: Texts) -> Picture:
    written = tuple(
        WrittenToken(token, -1.0, (ScoredToken(token, -1.2), ScoredToken(token, -9.0))) for token in tokens(texts)
    )
    return continuation_picture(Continuation("".join(texts), SAMPLING, (1,), (1,), "", "length", tokens=written))


def topk(texts: Texts) -> Picture:
    path = [WalkStep(token, Likelihood(-0.5, 1)) for token in tokens(texts)]
    return candidates_picture(NextTokens("".join(texts), (1,), candidates(texts[:25])), path)


def effects(texts: Texts) -> Picture:
    return words_picture(WordEffects("".join(texts), words(texts), 2, "A title", "A summary.", "for yes", "for no"))


def reliability(texts: Texts) -> Picture:
    bins = [ReliabilityBin(place / 10, (place + 1) / 10, place / 10, 0.5, 0.25, 0.75, 9) for place in range(10)]
    return reliability_picture(texts[0], bins, 0.5, "Brier score 0.1")


PICTURES: dict[Callable[..., Picture | None], Callable[[Texts], Picture | None]] = {
    beam_tree_picture: beams,
    candidates_picture: topk,
    continuation_picture: continuation,
    contrast_picture: contrast,
    decision.evidence_picture: decide,
    diff_picture: diff,
    layers_picture: layers,
    reliability_picture: reliability,
    sentiment.evidence_picture: judge,
    spread_picture: lambda texts: spread_picture([0.1] * len(texts), 0.3),
    stages_picture: sampler,
    token_borders_picture: tokenization,
    trend_picture: lambda texts: trend_picture([Period(date(2026, 1, 1), 9, 3)] * min(60, len(texts))),
    why_picture: why,
    words_picture: effects,
    xray_picture: lambda texts: xray_picture(surprisals(texts)),
}


def modules() -> list[ModuleType]:
    return [
        importlib.import_module(module.name)
        for package in (bot.features, bot.rendering.pictures)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]


def test_no_picture_is_left_out() -> None:
    functions = {
        function
        for module in modules()
        for _, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and " Canvas(" in inspect.getsource(function)
    }
    assert functions
    assert functions <= set(PICTURES)


@pytest.mark.parametrize("draw", PICTURES.values(), ids=[f"{draw.__module__}.{draw.__name__}" for draw in PICTURES])
@given(st.lists(token_texts, min_size=1, max_size=20))
@example([" the"])
@example([""])
@example(["🤷🏽‍♀️"])
@example(["\ud800"])
@example(["\\xf0", "\\x9f", "\\x98"])
@example(list(islice(cycle(ODD), 300)))
@example(["antidisestablishmentarianism"] * 300)
@example(["مرحبا ", "12", ".", "5%", "שלום", " hello"] * 50)
@settings(max_examples=4, deadline=None)
def test_any_text(draw: Callable[[Texts], Picture], texts: list[str]) -> None:
    draw_checked(draw, texts)
