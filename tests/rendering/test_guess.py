"""A round of guesses, open and revealed: with any text Discord's limits hold and everything is escaped."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.features.guess.embed import MOST_GUESSERS, open_answer, revealed_answer, saved_embed
from bot.features.guess.record import GuessRound, Reveal, SealedGuess, read_round, reveal_state
from bot.questions.language_model import RunInfo
from bot.questions.tokens import NextTokens, TokenProbability
from bot.receipts.receipt import AnsweredBy
from tests.rendering.results import check, check_embed, computed, logits, long_texts, probabilities, texts, tokens

scored = st.builds(TokenProbability, st.integers(1, 200_000), tokens, logits, probabilities)
rounds = st.builds(
    lambda prompt, guesses, favourite: (
        GuessRound(
            prompt, 2**63, "nonce", favourite, tuple(SealedGuess(user, name, "5ea1") for user, (name, _) in guesses)
        ),
        tuple(token for _, (_, token) in guesses),
    ),
    long_texts,
    st.lists(st.tuples(texts, scored), max_size=MOST_GUESSERS).map(lambda scored_names: list(enumerate(scored_names))),
    probabilities,
)
top_tokens = st.builds(
    NextTokens,
    texts,
    st.just((1,)),
    st.lists(
        st.builds(TokenProbability, st.integers(1, 200_000), tokens, logits, st.floats(0.01, 1)), min_size=1, max_size=5
    ).map(tuple),
)


@given(rounds, top_tokens, computed)
@settings(max_examples=60, deadline=None)
def test_open_and_revealed_rounds(
    result: tuple[GuessRound, tuple[TokenProbability, ...]], top: NextTokens, run: RunInfo
) -> None:
    round_, guesses = result
    by = AnsweredBy.of(run.model)
    shown = open_answer(round_, run)
    check(shown)
    assert shown.state is not None
    assert read_round(shown.state.text) == (round_, by)
    reveal = Reveal.of(round_, guesses, top)
    over = revealed_answer(round_, reveal, run)
    check(over)
    assert over.attachments == ()
    scores = reveal_state(reveal)["scores"]
    assert isinstance(scores, list | tuple)
    assert len(scores) == len(guesses)
    places = [reveal.place(guess) for guess in reveal.guesses]
    assert places == sorted(places)
    for token in guesses:
        check_embed(saved_embed(token.token, is_replacement=True))


@given(st.text())
def test_a_text_that_is_not_a_round_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^this file is not a round of /guess$"):
        read_round(text)
