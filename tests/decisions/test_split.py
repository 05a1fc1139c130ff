"""No author and no text is on both sides, whatever the order of the cases."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.split import CaseKey, Split, split_cases, text_key
from bot.errors import UsageError

keys = st.builds(CaseKey, st.integers(0, 40).map(str), st.none() | st.integers(0, 15).map(str))


def try_split(cases: list[CaseKey], development: int) -> Split | None:
    try:
        return split_cases(cases, development)
    except UsageError:
        return None


@given(st.lists(keys, min_size=2, max_size=60), st.integers(1, 30))
def test_parts_share_no_text_and_no_author(cases: list[CaseKey], development: int) -> None:
    split = try_split(cases, development)
    if split is None:
        return
    assert sorted([*split.development, *split.held_out]) == list(range(len(cases)))
    assert 0 < len(split.development) <= development
    chosen, others = [cases[index] for index in split.development], [cases[index] for index in split.held_out]
    assert not {key.text_key for key in chosen} & {key.text_key for key in others}
    assert not {key.author for key in chosen if key.author} & {key.author for key in others if key.author}


@given(st.lists(keys, min_size=2, max_size=60), st.integers(1, 30), st.randoms(use_true_random=False))
def test_the_order_does_not_matter(cases: list[CaseKey], development: int, random: Random) -> None:
    split = try_split(cases, development)
    order = list(range(len(cases)))
    random.shuffle(order)
    again = try_split([cases[index] for index in order], development)
    if split is None or again is None:
        assert split is again
        return
    assert sorted(order[index] for index in again.development) == list(split.development)
    assert (again.development_groups, again.held_out_groups) == (split.development_groups, split.held_out_groups)


def test_the_split_of_texts_alone_is_fixed() -> None:
    """A changed hash would move cases on which thresholds were chosen into the part on which they are reported."""
    split = split_cases([CaseKey(f"text {number}") for number in range(12)])
    assert split.development == (6, 7, 10, 11), "the four smallest by sha256sum"
    assert len(split.held_out) == 8


def test_the_smallest_hash_of_a_group_is_its_place() -> None:
    """ "text 6" has the smallest hash of these, and "text 8" the largest: together they come first."""
    keys = [CaseKey("text 6", "Ann"), CaseKey("text 8", "Ann"), CaseKey("text 7"), CaseKey("text 10")]
    assert split_cases(keys, 2).development == (0, 1)


def test_an_author_connects_cases_through_texts_of_others() -> None:
    cases = [CaseKey("a", "Ann"), CaseKey("a", "Bob"), CaseKey("b", "Bob"), CaseKey("c", "Cid"), CaseKey("d")]
    split = split_cases(cases, 2)
    assert set(split.held_out) == {0, 1, 2}
    assert (split.development_groups, split.held_out_groups) == (2, 1)


def test_texts_that_differ_in_case_and_white_space_are_the_same() -> None:
    assert text_key("  Buy\tNOW \n") == text_key("buy now") != text_key("buy now!")
    assert text_key("ﬁne") == text_key("fine")


def test_the_development_part_must_leave_something() -> None:
    cases = [CaseKey(str(number)) for number in range(4)]
    for wanted in (0, 4, 5):
        with pytest.raises(UsageError, match=f"4 cases can't be divided into {wanted} for development"):
            split_cases(cases, wanted)
    with pytest.raises(UsageError, match="1 case can't be divided"):
        split_cases(cases[:1])
    assert len(split_cases(cases, 3).held_out) == 1


def test_an_author_of_all_cases_leaves_none_to_hold_out() -> None:
    with pytest.raises(UsageError, match="All cases are connected"):
        split_cases([CaseKey(str(number), "Ann") for number in range(9)])


def test_a_loud_author_is_held_out_or_needs_a_larger_development_part() -> None:
    loud = [CaseKey(str(number), "Ann") for number in range(8)]
    assert split_cases([*loud, CaseKey("x"), CaseKey("y")]).development == (8, 9)
    with pytest.raises(UsageError, match="Use --development 8 or more"):
        split_cases([*loud, *[CaseKey(f"b{number}", "Bob") for number in range(9)]], 5)
