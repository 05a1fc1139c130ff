"""The explorer's renderers: any text and any tokens keep Discord's limits, and nothing escapes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.inference.exploration import Likelihood, Surprisals, TokenSurprisal
from bot.inference.model import TokenProbability
from bot.rendering.answer import Computed
from bot.rendering.xray import expected_answer, surprising_options, xray_answer
from tests.rendering.test_renderers import check, computed, logits, long_texts, probabilities, tokens

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


@given(surprisals, computed)
@settings(max_examples=60, deadline=None)
def test_xray(result: Surprisals, how: Computed) -> None:
    check(xray_answer(result, how))
    options = surprising_options(result)
    assert 1 <= len(options) <= 5
    for option in options:
        assert 1 <= len(option.label) <= 100
        assert 1 <= len(option.description or "") <= 100
        check(expected_answer(result, int(option.value), how))
