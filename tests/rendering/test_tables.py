"""Tables: aligned with any characters, white space visible, narrow enough for a phone."""

import math

import pytest
from wcwidth import width

from bot.questions.tokens import NextTokens, Token, TokenProbability
from bot.rendering.tables import PHONE_WIDTH, bar, cut, ids_text, next_tokens_table, percentage

TOKENS = [" night", "你好", " 🤷", "\n", "\t", "\u200d", "שלום", "a" * 40, "```", "\u0301"]


def distribution(texts: list[str], probability: float = 0.05) -> NextTokens:
    candidates = tuple(
        TokenProbability(rank, Token(100_000 + rank, text), 1.0, probability, math.log(probability))
        for rank, text in enumerate(texts, start=1)
    )
    return NextTokens("x", (1,), candidates)


def test_a_whole_table() -> None:
    candidates = (
        TokenProbability(1, Token(3729, " night"), 17.0, 0.8871, math.log(0.8871)),
        TokenProbability(2, Token(11458, " evening"), 14.0, 0.0430, math.log(0.0430)),
    )
    assert next_tokens_table(NextTokens("It was a dark and stormy", (1,), candidates)).split("\n") == [
        "#  prob.         id token",
        "1 88.71% ███▌  3729 ·night",
        "2  4.30% ▏    11458 ·evening",
        "   6.99% ▎          all others",
    ]


def test_every_row_s_token_begins_in_the_same_column() -> None:
    header, *rows = next_tokens_table(distribution(TOKENS), PHONE_WIDTH).split("\n")
    column = header.index("token")
    assert len(rows) == len(TOKENS) + 1
    for row in rows:
        assert width(row[:column]) == column
        assert row[column - 1] == " "


def test_no_row_is_wider_than_a_phone_shows() -> None:
    for row in next_tokens_table(distribution(TOKENS * 2 + TOKENS[:5]), PHONE_WIDTH).split("\n"):
        assert width(row) <= PHONE_WIDTH


def test_white_space_and_invisible_characters_are_shown() -> None:
    shown = next_tokens_table(distribution([" a b", "\n\n", "\t", "\r", "\u200d", "\u202e", "\u0301", "\u3000"]))
    cells = [row.split()[-1] for row in shown.split("\n")[1:-1]]
    assert cells == ["·a·b", "↵↵", "⇥", "␍", r"\u200d", r"\u202e", "◌\u0301", r"\u3000"]


@pytest.mark.parametrize(
    ("probability", "shown"),
    [
        (0.8871, "88.71%"), (1.0, "100.00%"), (0.0, "0.00%"), (0.00001, "<0.01%"), (0.99999, ">99.99%"),
        (0.00005, "0.01%"), (0.5, "50.00%"),
    ],
)  # fmt: skip
def test_percentages(probability: float, shown: str) -> None:
    assert percentage(probability) == shown


@pytest.mark.parametrize(
    ("probability", "shown"), [(0, "    "), (1, "████"), (0.5, "██  "), (1 / 32, "▏   "), (1.5, "████")]
)
def test_bars(probability: float, shown: str) -> None:
    assert bar(probability) == shown


def test_a_cut_text_fits_its_columns_and_ends_with_an_ellipsis() -> None:
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdefg", 6) == "abcde…"
    assert width(cut("你好你好", 6)) <= 6


def test_ids_are_a_python_list_in_short_lines() -> None:
    ids = list(range(100_000, 100_040))
    assert eval(ids_text(ids)) == ids  # noqa: S307  # as a reader would paste it
    assert max(map(len, ids_text(ids).split("\n"))) <= PHONE_WIDTH
