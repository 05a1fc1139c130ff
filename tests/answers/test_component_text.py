"""Texts in custom_ids: they come back as they were, within Discord's limit, or don't fit."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.answers.component_text import CUSTOM_ID_LIMIT, MARK, fit_text, read_text

custom_ids = st.lists(st.text("abc:0123", min_size=1, max_size=110), min_size=1, max_size=6, unique=True)
texts = st.text(st.characters(codec="utf-8"), max_size=400)


@given(texts, custom_ids)
@settings(deadline=None)
def test_a_text_comes_back_or_does_not_fit(text: str, ids: list[str]) -> None:
    filled = fit_text(text, ids)
    if filled is None:
        assert sum(max(0, CUSTOM_ID_LIMIT - 1 - len(id_)) for id_ in ids) * 15 < 8 * (len(text.encode()) + 20)
        return
    assert read_text(filled) == text
    assert [id_.partition(MARK)[0] for id_ in filled] == ids
    for id_, before in zip(filled, ids, strict=True):
        assert len(id_) <= max(CUSTOM_ID_LIMIT, len(before))
        assert len(id_.encode("utf-16-le")) == 2 * len(id_)  # as JavaScript counts
        assert unicodedata.normalize("NFC", id_) == unicodedata.normalize("NFKC", id_) == id_
        assert not any(character.isspace() for character in id_)


def test_custom_ids_without_a_text_have_none() -> None:
    assert read_text(["details", "walk:undo:3:1:0"]) is None
    assert read_text([]) is None


@pytest.mark.parametrize("ids", [["details~abc"], ["details~㐀"], ["details~" + "가" * 80], ["details~~"]])
def test_damaged_custom_ids_are_refused(ids: list[str]) -> None:
    with pytest.raises(ValueError, match=r"custom_ids|decode"):
        read_text(ids)


def test_a_text_that_would_fill_the_memory_is_refused() -> None:
    filled = fit_text("x" * 100_000, ["details", "more"])
    assert filled is not None
    with pytest.raises(ValueError, match="damaged"):
        read_text(filled)


def test_what_an_earlier_version_wrote_can_be_read() -> None:
    """The dictionary of the compression is part of what messages hold, so it can't change."""
    assert read_text(WRITTEN) == EARLIER


EARLIER = '{"state":{"command":"sentiment","options":{"review":"I laughed all the way home."},"is_cut_short":false}}'
WRITTEN = ["sentiment:explain~祊㤶㤌殞苄胦觔繝塴崓䒢宁雌딸巣䙋弮鬾䂭㐉", "details"]
