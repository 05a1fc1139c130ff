"""Tokens in boxes, each with its id; equal tokens of two texts are aligned."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.features.tokenization.picture import MOST_TOKENS, _columns, token_borders_picture
from bot.questions.tokenization import Tokenization
from bot.questions.tokens import Token
from bot.rendering.pictures.palette import ACCENT
from tests.rendering.pictures.checks import count_of, draw_checked, image_of
from tests.rendering.pictures.tokens import ODD, tokens

few = st.integers(0, 3).map(lambda id_: Token(id_, "abcd"[id_]))
texts = st.lists(tokens | few, max_size=30)


def tokenization(row: list[Token]) -> Tokenization:
    return Tokenization("".join(token.text for token in row), tuple(row))


@given(texts, st.none() | texts)
@example([Token(151_935, text) for text in ODD] * 10, [Token(151_935, text) for text in ODD] * 9)
@example([Token(1, "antidisestablishmentarianism")] * 300, None)
@example([Token(1, ".\n")] * 300, None)
@example([Token(1, " the")], [])
@settings(max_examples=40, deadline=None)
def test_any_texts(first: list[Token], second: list[Token] | None) -> None:
    draw_checked(token_borders_picture, tokenization(first), None if second is None else tokenization(second))


@given(st.lists(few, max_size=20), st.lists(few, max_size=20))
def test_no_token_is_lost_and_equal_tokens_are_aligned(first: list[Token], second: list[Token]) -> None:
    columns = _columns(tokenization(first), tokenization(second))
    assert [token for token, _ in columns if token] == first
    assert [token for _, token in columns if token] == second
    assert all(above == below for above, below in columns if above and below)


def test_the_alt_text_states_the_figures() -> None:
    first, second = [Token(7, " a"), Token(9, "b")], [Token(3, "a"), Token(9, "b")]
    assert draw_checked(token_borders_picture, tokenization(first)).alt == (
        "Tokens in boxes. 2 tokens: “·ab”, each token above its id. In order: “·a” 7, “b” 9."
    )
    assert draw_checked(token_borders_picture, tokenization(first), tokenization(second)).alt == (
        "Tokens in boxes. 2 tokens compared with 2, 1 in both: above “·ab”, below “ab”. Above: “·a” 7, “b” 9. "
        "Below: “a” 3, “b” 9."
    )


def test_tokens_not_shown_are_counted() -> None:
    many = tokenization([Token(1, "a")] * (MOST_TOKENS + 5))
    assert draw_checked(token_borders_picture, many).alt.count("Not in the picture: 5 more. In order:")


def test_tokens_in_both_texts_are_filled() -> None:
    first, second = tokenization([Token(7, "a"), Token(9, "b")]), tokenization([Token(9, "b")])
    assert count_of(ACCENT, image_of(token_borders_picture(first))) == 0
    assert count_of(ACCENT, image_of(token_borders_picture(first, second))) > 2000
