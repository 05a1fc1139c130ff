"""Boxes follow each other in lines, and none is lost."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.rendering.pictures.canvas import MARGIN, WIDTH, Canvas
from bot.rendering.pictures.flow import box_text, breaks_of, end_of_prompt, flow, more_text, quoted_token
from tests.rendering.pictures.tokens import token_texts


@given(st.lists(token_texts, max_size=40), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_boxes_do_not_overlap_and_stay_inside_the_margins(texts: list[str], most_lines: int) -> None:
    boxes = flow(Canvas(9), [box_text(text) for text in texts], most_lines, breaks=breaks_of(texts))
    assert [box.text for box in boxes] == [box_text(text) for text in texts[: len(boxes)]]
    lines = [[box for box in boxes if box.line == line] for line in range(most_lines)]
    assert [box for line in lines for box in line] == boxes  # no line comes before another
    assert all(lines[: len([line for line in lines if line])])  # and none is skipped
    for line in lines:
        right = MARGIN
        for box in sorted(line, key=lambda box: box.left):
            assert box.left >= right
            right = box.left + box.width
        assert right <= WIDTH - MARGIN


def places(*texts: str, breaks: Sequence[int] = ()) -> list[list[str]]:
    """Return each line's texts from left to right, with ``|`` at an edge that the line touches."""
    boxes = flow(Canvas(9), texts, 9, breaks=breaks)
    lines = []
    for number in range(boxes[-1].line + 1):
        line = sorted((box for box in boxes if box.line == number), key=lambda box: box.left)
        shown = [box.text for box in line]
        ends_right = line[-1].left + line[-1].width == WIDTH - MARGIN
        lines.append([*["|"][: line[0].left == MARGIN], *shown, *["|"][:ends_right]])
    return lines


def test_a_text_that_runs_from_right_to_left_begins_at_the_right() -> None:
    assert places("שלום", "·עולם", "12", ".", "5", "!") == [["!", "12", ".", "5", "·עולם", "שלום", "|"]]
    assert places("He", "·said", "·שלום", "·עולם", "·twice") == [["|", "He", "·said", "·עולם", "·שלום", "·twice"]]
    assert places("הוא", "·The", "·Sea", "·אמר") == [["·אמר", "·The", "·Sea", "הוא", "|"]]


def test_each_paragraph_has_its_own_direction() -> None:
    assert places("one", "two", "א", "ב", "3", breaks=(2, 4)) == [["|", "one", "two"], ["ב", "א", "|"], ["|", "3"]]


def test_a_line_ends_where_the_text_breaks_it() -> None:
    assert breaks_of(["a", ".\n", "\n", "b", "\n\n", "c", "d"]) == {3, 5}
    assert breaks_of([]) == set()


def test_hidden_characters_are_shown_and_long_texts_are_cut() -> None:
    assert box_text(" a\n") == "·a↵"
    assert box_text("") == "∅"
    assert box_text("\u2068 שלום\u2069") == "\\u2068·שלום\\u2069"
    assert quoted_token("-" * 99) == "“" + "-" * 23 + "…”"
    assert quoted_token("שלום") == "“\u2068שלום\u2069”"  # keeps the figures after it in place
    assert quoted_token("a" * 21 + "👨‍👩‍👧") == "“" + "a" * 21 + "…”"  # is not cut within an emoji
    assert box_text("-" * 99) == "-" * 80 + "…"
    assert end_of_prompt("a\nb\u202e c", 9) == "…b\\u202e c"
    assert end_of_prompt("a\nb", 9) == "a↵b"
    assert (more_text(1, "token"), more_text(1200, "token")) == ("… 1 more token", "… 1,200 more tokens")
