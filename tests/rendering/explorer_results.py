"""Hypothesis strategies for the explorer's results."""

from collections.abc import Collection

from hypothesis import strategies as st

from bot.questions.comparison import BeamTree, ComparedText, Comparison
from bot.questions.contrast import Contrast, Density, Mover
from bot.questions.diff import Diff, Divergence, Part
from bot.questions.evidence import WordEvidence
from bot.questions.layers import Layer, LayerPosition, LayerReadings
from bot.questions.sampler import STAGES, CutToken, Distribution, SamplerStage, SamplerStages, Stage, SweepPoint
from bot.questions.sentiment import Calibration, SentimentEvidence
from bot.questions.tokens import Likelihood, TokenProbability
from bot.questions.why import TokenEvidence
from bot.questions.xray import Surprisals, TokenSurprisal
from tests.rendering.results import (
    computed,
    continuations,
    logits,
    long_texts,
    parameters,
    probabilities,
    sentiments,
    texts,
    tokens,
)

likelihoods = st.builds(Likelihood, st.floats(-1e4, 0), st.integers(1, 200_000))
candidates = st.builds(TokenProbability, st.integers(1, 200_000), tokens, logits, probabilities)
predicted = st.builds(TokenSurprisal, tokens, likelihoods, st.lists(candidates, min_size=1, max_size=5).map(tuple))
first = st.builds(TokenSurprisal, tokens, st.none(), st.just(()))
surprisals = st.builds(
    lambda text, first, rest: Surprisals(text, (first, *rest), len(text)),
    long_texts,
    first,
    st.lists(predicted, min_size=1, max_size=40),
)
distributions = st.builds(
    Distribution, st.integers(1, 200_000), st.floats(0, 20), st.lists(candidates, min_size=1, max_size=10).map(tuple)
)
cuts = st.lists(st.builds(CutToken, st.integers(1, 200_000), tokens, probabilities, probabilities), max_size=10)


def stage(name: Stage) -> st.SearchStrategy[SamplerStage]:
    return st.builds(
        SamplerStage, st.just(name), st.floats(0, 1000), st.booleans(), distributions, st.integers(0, 200_000),
        probabilities, st.just(()) if name in ("repetition_penalty", "temperature") else cuts.map(tuple),
    )  # fmt: skip


def stages_of(names: Collection[Stage]) -> st.SearchStrategy[tuple[SamplerStage, ...]]:
    return st.tuples(*(stage(name) for name in STAGES if name in names))


sweep_points = st.builds(SweepPoint, st.floats(0.1, 2), st.floats(0, 20), st.integers(1, 200_000))
sampler_stages = st.builds(
    SamplerStages, long_texts, st.just((1,)), parameters, distributions,
    st.sets(st.sampled_from(STAGES)).flatmap(stages_of), st.lists(sweep_points, max_size=20).map(tuple),
)  # fmt: skip
layer_positions = st.builds(
    LayerPosition, st.integers(0, 1000), st.lists(candidates, min_size=1, max_size=5).map(tuple), st.floats(0, 20)
)
layer_readings = st.builds(
    lambda prompt, token, readings: LayerReadings(
        prompt, (1,), (token,), tuple(Layer(number, (reading,)) for number, reading in enumerate(readings))
    ),
    long_texts,
    tokens,
    st.lists(layer_positions, min_size=1, max_size=60),
)
log_probabilities = st.floats(-1e4, 0)
movers = st.builds(Mover, tokens, log_probabilities, log_probabilities, probabilities)
steps = st.integers(0, 47)
densities = st.builds(
    Density, st.integers(-12, -2), st.just(48),
    st.lists(st.tuples(steps, steps, st.integers(1, 200_000)), min_size=1, max_size=60).map(tuple),
)  # fmt: skip
divergences = st.just(0.0) | st.floats(0, 1e5)
contrasts = st.builds(
    Contrast, long_texts, long_texts, st.just((1,)), st.just((2,)), divergences, divergences, probabilities,
    st.lists(movers, max_size=20).map(tuple), densities,
)  # fmt: skip
compared = st.builds(
    ComparedText,
    continuations.filter(lambda continuation: bool(continuation.output_ids)),
    st.floats(-1e4, 0),
    st.none() | st.floats(-1e3, 0),
)
comparisons = st.builds(
    Comparison, long_texts, st.lists(compared, min_size=3, max_size=4).map(tuple), st.just(BeamTree(2, (), ()))
)
words = st.lists(st.builds(WordEvidence, st.just(0), st.just(1), texts, logits), min_size=1, max_size=64).map(tuple)
evidence = st.builds(
    SentimentEvidence,
    sentiments,
    words,
    st.integers(1, 20),
    st.builds(
        Calibration, probabilities, probabilities, probabilities, probabilities,
        st.sampled_from(["Positive", "Negative"]),
    ),
)  # fmt: skip
compared_tokens = st.builds(
    TokenProbability, st.integers(1, 200_000), tokens, st.none() | logits, probabilities, st.floats(-1e4, 0)
)
token_evidence = st.builds(
    TokenEvidence, long_texts, st.just((1,)), compared_tokens, compared_tokens, st.just(()) | words, st.integers(1, 20)
)
bits = st.none() | st.floats(0, 1e4)
favourites = st.none() | candidates
parts = st.builds(
    Part,
    texts,
    st.lists(st.integers(0, 300), max_size=3).map(tuple),
    st.lists(st.integers(0, 300), max_size=3).map(tuple),
    bits,
    bits,
    favourites,
    favourites,
    st.none() | st.builds(Divergence, st.floats(0, 1e4), st.floats(0, 1e4)),
)
models = computed.map(lambda run: run.model)


@st.composite
def diffs_of(draw: st.DrawFn) -> Diff:
    """Return a diff with a part for each token, or with other parts for different tokens."""
    a, b = draw(surprisals), draw(surprisals)
    has_same_tokens, count = draw(st.booleans()), len(a.tokens)
    shown = draw(st.lists(parts, min_size=count if has_same_tokens else 1, max_size=count))
    no_divergence = "" if has_same_tokens else "the vocabularies have different tokens"
    return Diff(draw(models), draw(models), a, b, tuple(shown), has_same_tokens, no_divergence)


diffs = diffs_of()
