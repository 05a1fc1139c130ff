"""An X-ray: every token is shown, its rank is visible without colour, and the alt text has the figures."""

import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.features.xray.picture import MOST_TOKENS, xray_picture
from bot.questions.tokens import Likelihood, Token
from bot.questions.xray import Surprisals, TokenSurprisal
from bot.rendering.pictures.palette import NEUTRAL, sequential
from tests.rendering.pictures.checks import count_of, draw_checked, image_of
from tests.rendering.pictures.tokens import token_texts, tokens

FIRST_BOX = (32, 140, 76, 182)  # in pixels
likelihoods = st.builds(
    Likelihood, st.sampled_from([0.0, -1e9, -math.inf, -0.7]) | st.floats(-40, 0), st.integers(1, 200_000)
)
read = st.lists(st.builds(TokenSurprisal, tokens, likelihoods, st.just(())), max_size=30)


def surprisals(entries: list[TokenSurprisal]) -> Surprisals:
    texts = [entry.token.text for entry in entries]
    return Surprisals("".join(texts), tuple(entries), sum(map(len, texts[1:])))


def token_surprisal(text: str, bits: float | None, rank: int = 1) -> TokenSurprisal:
    return TokenSurprisal(Token(1, text), None if bits is None else Likelihood(-bits * math.log(2), rank), ())


@given(tokens, read)
@settings(max_examples=40, deadline=None)
def test_any_text(first: Token, rest: list[TokenSurprisal]) -> None:
    draw_checked(xray_picture, surprisals([TokenSurprisal(first, None, ()), *rest]))


@given(token_texts, st.integers(1, MOST_TOKENS + 5))
@example("antidisestablishmentarianism", 1000)
@example("\n", 300)
@example(".\n", 300)
@example("-" * 200, 300)
@settings(max_examples=8, deadline=None)
def test_any_length(text: str, count: int) -> None:
    result = surprisals(
        [
            token_surprisal("a", None),
            *[token_surprisal(text, position % 20, 3**position % 70_000) for position in range(count)],
        ]
    )
    assert "X-ray of a text. Perplexity" in draw_checked(xray_picture, result).alt


def test_a_text_of_one_token_has_nothing_to_predict() -> None:
    assert draw_checked(xray_picture, surprisals([token_surprisal("a", None)])).alt == (
        "X-ray of a text. Nothing to predict; 1 token: there is nothing before the first one."
    )
    draw_checked(xray_picture, surprisals([]))


def test_the_alt_text_states_the_figures() -> None:
    entries = [
        token_surprisal("The", None),
        token_surprisal(" end", 2, 3),
        token_surprisal(" of", 1),
        token_surprisal(" time", 6, 77),
        token_surprisal("中", 15, 4000),
    ]
    assert draw_checked(xray_picture, surprisals(entries)).alt == (
        "X-ray of a text. Perplexity 64.0, 1.85 bits per character; 5 tokens, each coloured by its surprisal. "
        "By rank: 2 in the top 10, 1 in the top 100, 0 in the top 1000, 1 beyond. Most surprising: "
        "“中” with 15.0 bits, rank 4,000, “·time” with 6.0 bits, rank 77, “·end” with 2.0 bits, rank 3, "
        "“·of” with 1.0 bits, rank 1. Bits in order: “The”, “·end” 2.0, “·of” 1.0, “·time” 6.0, "
        "“中” 15.0."
    )


def test_tokens_not_shown_are_counted() -> None:
    result = surprisals([token_surprisal("a", None), *[token_surprisal(" b", 3, 9)] * (MOST_TOKENS + 41)])
    assert "Not in the picture: 42 more." in draw_checked(xray_picture, result).alt


def test_colour_shows_surprisal_and_the_first_token_has_none() -> None:
    assert count_of(NEUTRAL, box(token_surprisal("a", None))) > 1000
    for bits in (0, 8, 16):
        assert count_of(sequential(bits / 16), box(token_surprisal("a", bits))) > 1000
    assert count_of(sequential(1), box(token_surprisal("a", 99))) > 1000


@pytest.mark.parametrize(("rank", "marks"), [(10, 0), (11, 1), (100, 1), (101, 2), (1000, 2), (1001, 3)])
def test_the_rank_is_visible_without_colour(rank: int, marks: int) -> None:
    foot: Any = (0, 34, 44, 38)
    light = box(token_surprisal("a", 0, rank)).crop(foot).convert("L").point(lambda value: value > 200)
    assert light.histogram()[1] == marks * 8 * 4


def box(token: TokenSurprisal) -> Any:
    return image_of(xray_picture(surprisals([token]))).crop(FIRST_BOX)


def test_the_picture_is_as_high_as_its_text() -> None:
    heights = [
        image_of(xray_picture(surprisals([token_surprisal(" token", 3)] * count))).height
        for count in (1, 100, 300, 9999)
    ]
    assert heights == sorted(heights)
    assert heights[0] < 400
    assert 1400 < heights[2] < 2100
    assert heights[3] == heights[2] + 46  # one more line, which says how many tokens are not shown
