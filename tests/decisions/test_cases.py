"""Labelled texts are read completely, or the line that can't be read is named with the remedy."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.cases import LabelledText, match_labels, parse_cases
from bot.errors import InputUnreadable, UsageError

cells = st.text(st.characters(blacklist_characters="\t\r\n", blacklist_categories=["Cs"]), min_size=1).filter(str.strip)


def test_tsv() -> None:
    lines = ["label\tauthor\ttext", "spam\t7\tBuy now", "", 'not spam\t\t"Hello", she said']
    assert parse_cases(lines, "x.tsv").cases == (
        LabelledText("Buy now", "spam", "7"),
        LabelledText('"Hello", she said', "not spam"),
    )


def test_json_lines() -> None:
    rows: list[dict[str, object]] = [
        {"text": "two\nlines\tand a tab", "label": "spam", "author": 7, "weight": 2.5},
        {"text": "Hello", "label": "not spam", "author": None},
    ]
    file = parse_cases([json.dumps(row) for row in rows], "x.jsonl")
    assert file.cases == (
        LabelledText("two\nlines\tand a tab", "spam", "7", 2.5),
        LabelledText("Hello", "not spam"),
    )
    assert file.labels == ("spam", "not spam")


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=20))
def test_all_texts_come_back_as_they_are(rows: list[tuple[str, str]]) -> None:
    as_tsv = parse_cases(["text\tlabel", *("\t".join(row) for row in rows)], "x.tsv")
    as_json = parse_cases([json.dumps({"text": text, "label": label}) for text, label in rows], "x.jsonl")
    assert [(case.text, case.label) for case in as_tsv.cases] == rows
    assert as_json == as_tsv


def test_columns_that_are_not_used_are_named() -> None:
    assert parse_cases(["id\ttext\tlabel", "1\tHello\tspam"], "x.tsv").unused == ("id",)
    assert parse_cases(['{"text": "Hello", "label": "spam", "user": 3}'], "x.jsonl").unused == ("user",)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], "x is empty. Write a header"),
        (["", "  "], "x is empty"),
        (["text\tlabel"], "x has a header but no texts"),
        (["text;label", "Hello;spam"], "line 1: the header has no column 'text'"),
        (["text\tlabel\ttext", "a\tb\tc"], "line 1: the header names a column twice"),
        (["text\tlabel", "Hello"], "line 2: it has 1 columns, but the header has 2"),
        (["text\tlabel", "", "a\tb\tc"], "line 3: it has 3 columns, but the header has 2"),
        (["text\tlabel", " \tspam"], "line 2: the text is empty"),
        (["text\tlabel", "Hello\t "], "line 2: the label is empty"),
        (["text\tlabel\tweight", "Hello\tspam\t0"], "line 2: the weight '0' is not a number above 0"),
        (["text\tlabel\tweight", "Hello\tspam\tnan"], "line 2: the weight 'nan' is not"),
        (["text\tlabel\tweight", "Hello\tspam\t"], "line 2: the weight '' is not"),
        (['{"text": "a", "label": "b"}', "{"], "line 2: it is not valid JSON"),
        (['{"text": "a", "label": "b"}', "[]"], "line 2: it is not an object"),
        (['{"text": "a"}'], "line 1: it needs 'label' with a text"),
        (['{"text": 3, "label": "b"}'], "line 1: it needs 'text' with a text"),
        (['{"text": "a", "label": "b", "author": [1]}'], "line 1: 'author' is neither"),
        (['{"text": "a", "label": "b", "weight": true}'], "line 1: the weight True is not"),
        (['{"text": "a", "label": "b", "weight": Infinity}'], "line 1: the weight inf is not"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(lines: list[str], problem: str) -> None:
    with pytest.raises(InputUnreadable) as raised:
        parse_cases(lines, "x")
    assert problem in str(raised.value)


def test_labels_match_by_text_then_without_case_and_white_space() -> None:
    assert match_labels(["positive", "NEGATIVE "], [" positive", " negative"], {}) == {
        "positive": " positive",
        "NEGATIVE ": " negative",
    }
    assert match_labels(["yes", "Yes"], ["yes", "Yes"], {}) == {"yes": "yes", "Yes": "Yes"}
    assert match_labels(["spam", "ham"], ["Yes", "No"], {"spam": "yes", "ham": "No"}) == {"spam": "Yes", "ham": "No"}


@pytest.mark.parametrize(
    ("given_labels", "labels", "mapping", "problem"),
    [
        (["good"], [" positive", " negative"], {}, "'good' is none of the question's"),
        (["YES"], ["yes", "Yes"], {}, "could be several of them"),
        (["good"], ["Yes", "No"], {"good": "maybe"}, "'maybe' is none of the question's"),
        (["good"], ["Yes", "No"], {"bad": "No"}, "the file has no label 'bad'"),
    ],
)
def test_labels_without_a_match_are_refused_with_both_sides(
    given_labels: list[str], labels: list[str], mapping: dict[str, str], problem: str
) -> None:
    with pytest.raises(UsageError) as raised:
        match_labels(given_labels, labels, mapping)
    assert problem in str(raised.value)
    assert f"The file has {given_labels[0]!r}; the question has {labels[0]!r}, {labels[1]!r}." in str(raised.value)
