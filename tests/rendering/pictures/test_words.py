"""The effects of left-out words: every word is coloured by its effect, and its sign is visible without colour."""

import math

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.features.sentiment.picture import evidence_picture
from bot.features.why.picture import why_picture
from bot.questions.evidence import WordEvidence, WordGroups
from bot.questions.sentiment import Calibration, Sentiment, SentimentEvidence
from bot.questions.tokens import Token
from bot.questions.why import TokenEvidence
from bot.rendering.pictures.palette import GRID, NEGATIVE, POSITIVE
from bot.rendering.pictures.picture import Picture
from tests.rendering.pictures.checks import count_of, draw_checked, image_of
from tests.rendering.pictures.tokens import ODD, candidate, probabilities, token_texts

FIRST_LINE = (32, 144, 768, 184)  # in pixels
effects = st.sampled_from([0.0, 1e-9, -1e6, 1e6]) | st.floats(-9, 9)
texts = st.lists(token_texts, max_size=40).map(" ".join) | st.text(max_size=300)


def evidence(review: str, effects: list[float], positive: float = 0.75, calibrated: float = 0.5) -> SentimentEvidence:
    groups = WordGroups.of(review)
    words = [
        WordEvidence(start, end, review[start:end], effects[position % len(effects)])
        for position, (start, end) in enumerate(groups.spans)
    ]
    sentiment = Sentiment(review, "Positive", 2.5, 1.5, -2.0, -3.0, positive, 1 - positive, 0.25, (1,), 2)
    calibration = Calibration(0.6, 0.4, calibrated, 1 - calibrated, "Negative")
    return SentimentEvidence(sentiment, tuple(words), groups.together, calibration)


@given(
    texts,
    st.lists(effects, min_size=1, max_size=9),
    probabilities,
    probabilities,
)
@example("", [0.0], 0.0, 1.0)
@example("good", [1e6], 1.0, 0.0)
@example(" ".join(ODD) * 9, [1e6, -1e6], 1e-9, 0.5)
@example("line\n" * 300, [1.0], 0.5, 0.5)
@example("antidisestablishmentarianism " * 500, [-1.0, 1.0], 0.5, 0.5)
@settings(max_examples=40, deadline=None)
def test_any_review(review: str, values: list[float], positive: float, calibrated: float) -> None:
    draw_checked(evidence_picture, evidence(review, values, positive, calibrated))


def test_the_alt_text_states_the_figures() -> None:
    assert draw_checked(evidence_picture, evidence("I loved it, not the end", [0.1, 2.0, 0.0, -1.0, 0.2, 0.3])).alt == (
        "Evidence for a verdict: Positive, P(positive) 75.00%; calibrated: Negative, 50.00%. "
        "The margin is +1.00 logits, the label mass 25.00%. For positive: “loved” +2.00, “end” +0.30, “the” +0.20. "
        "For negative: “not” −1.00. "
        "Effects in order: “I” +0.10, “loved” +2.00, “it,” +0.00, “not” −1.00, “the” +0.20, “end” +0.30."
    )
    assert "For positive: no word. For negative: no word." in evidence_picture(evidence("", [0.0])).alt


def test_the_alt_text_counts_words_left_out_together_and_words_not_shown() -> None:
    alt = draw_checked(evidence_picture, evidence("ok " * 500, [0.1])).alt
    assert "8 adjacent words were left out at a time." in alt
    assert "Not in the picture: 200 more words. Effects in order: “ok·ok·ok·ok·ok·ok·ok·ok” +0.10, " in alt


def test_an_effect_has_the_colour_of_its_sign() -> None:
    for effect, colour in ((2.0, POSITIVE), (-2.0, NEGATIVE), (0.0, GRID)):
        line = image_of(draw_checked(evidence_picture, evidence("remarkable", [effect]))).crop(FIRST_LINE)
        assert count_of(colour, line) > 2000


def test_small_effects_are_pale() -> None:
    line = image_of(evidence_picture(evidence("remarkable", [0.01]))).crop(FIRST_LINE)
    assert count_of(POSITIVE, line) == 0


def test_an_effect_of_nan_has_no_colour() -> None:
    draw_checked(evidence_picture, evidence("remarkable good", [math.nan, 1.0]))


def why(prompt: str, effects: list[float], first: str = " on", second: str = " at", chance: float = 0.5) -> Picture:
    groups = WordGroups.of(prompt)
    pair = (candidate(1, Token(1, first), chance), candidate(2, Token(2, second), 0.25))
    words = groups.evidence(0.0, [-effects[position % len(effects)] for position in range(len(groups.spans))])
    picture = why_picture(TokenEvidence(prompt, (1,), *pair, words, groups.together))
    assert picture is not None
    return picture


@given(
    texts.filter(lambda prompt: bool(prompt.split())),
    st.lists(effects, min_size=1, max_size=9),
    token_texts,
    token_texts,
    probabilities,
)
@example(" ".join(ODD) * 9, [1e6, -1e6], "x" * 300, "你" * 300, 1e-9)
@settings(max_examples=40, deadline=None)
def test_any_prompt(prompt: str, values: list[float], token: str, other: str, chance: float) -> None:
    draw_checked(why, prompt, values, token, other, chance)


def test_the_alt_text_of_why_names_both_tokens() -> None:
    assert draw_checked(why, "The old man sat", [0.5, 0.0, -2.0, 1.0]).alt == (
        "Why “·on” and not “·at”: “·on” 50.00%, “·at” 25.00%. The difference of their logits is +0.00. "
        "For “·on”: “sat” +1.00, “The” +0.50. For “·at”: “man” −2.00. "
        "Effects in order: “The” +0.50, “old” +0.00, “man” −2.00, “sat” +1.00."
    )
