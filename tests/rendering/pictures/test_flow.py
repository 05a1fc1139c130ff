"""Boxes follow each other in lines, and none is lost."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.rendering.pictures.canvas import MARGIN, WIDTH, Canvas
from bot.rendering.pictures.flow import box_text, breaks_of, flow, more_text, quoted_token
from tests.rendering.pictures.tokens import token_texts


@given(st.lists(token_texts, max_size=40), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_boxes_do_not_overlap_and_stay_inside_the_margins(texts: list[str], most_lines: int) -> None:
    boxes = flow(Canvas(9), [box_text(text) for text in texts], most_lines, breaks=breaks_of(texts))
    assert [box.text for box in boxes] == [box_text(text) for text in texts[: len(boxes)]]
    right, line = 0, 0
    for box in boxes:
        assert box.line in {line, line + 1}
        assert box.left == MARGIN if box.line > line else box.left >= right
        right, line = box.left + box.width, box.line
        assert right <= WIDTH - MARGIN
        assert line < most_lines


def test_a_line_ends_where_the_text_breaks_it() -> None:
    assert breaks_of(["a", ".\n", "\n", "b", "\n\n", "c", "d"]) == {3, 5}
    assert breaks_of([]) == set()


def test_hidden_characters_are_shown_and_long_texts_are_cut() -> None:
    assert box_text(" a\n") == "·a↵"
    assert box_text("") == "∅"
    assert box_text("\u2068 שלום\u2069") == "\\u2068·שלום\\u2069"
    assert quoted_token("-" * 99) == "“" + "-" * 23 + "…”"
    assert (more_text(1, "token"), more_text(1200, "token")) == ("… 1 more token", "… 1,200 more tokens")
