"""The file below an answer is read or refused with ValueError, whatever bytes it has."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.answers.details_embed import details_answer
from bot.features.guess.record import read_round
from bot.features.topk.record import read_walk
from bot.questions.outcome import Outcome
from bot.questions.topk import TopKQuestion
from bot.receipts.receipt import AnsweredBy, Receipt, read_receipt, write_receipt
from tests.rendering.results import check

BY = AnsweredBy("demo", None, "float32", "cpu", "")
STEP = {"id": 7, "token": " a", "how": "chosen", "by": "Ada", "temperature": None, "seed": None}
WALK = write_receipt(
    Receipt(
        TopKQuestion("Once", 5, (7,)), Outcome((1, 2), ((3,),), (0.5,)), BY, {"torch": "2"},
        {"opener": str(2**62), "is_open": False, "turn": 1, "log_probability": -1.5, "steps": [STEP]},
    )
)  # fmt: skip
ROUND = json.dumps(
    {
        "command": "guess", "model": json.loads(WALK)["model"], "prompt": "Once", "opener": str(2**62), "nonce": "ab",
        "favourite_probability": 0.5, "guesses": [{"user": str(2**62), "name": "Ada", "seal": "cd"}],
    }
)  # fmt: skip
READERS: list[tuple[Callable[[str], Any], str]] = [(read_receipt, WALK), (read_walk, WALK), (read_round, ROUND)]
DEEP = "[" * 100_000

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(float("inf")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path to each part of a JSON value."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(inner_path for key in keys for inner_path in paths_in(value[key], (*path, key)))]


def with_part(value: Any, path: tuple[Any, ...], part: Any) -> Any:
    """Return a copy of a JSON value with the part at `path` replaced."""
    if not path:
        return part
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_part(copy[path[0]], path[1:], part)
    return copy


@pytest.mark.parametrize(("read", "written"), READERS)
def test_a_text_that_is_not_such_a_file_is_refused_with_our_own_message(
    read: Callable[[str], Any], written: str
) -> None:
    read(written)
    for text in ("", "\ufeff", "\ufeff{}", "null", "[]", "{}", "{", '"x"', DEEP, "1" * 5000, "NaN", "\x00", "{}{}"):
        with pytest.raises(ValueError, match=r"^this file is not (a receipt|the receipt of a walk|a round of /guess)$"):
            read(text)


@pytest.mark.parametrize(("read", "written"), READERS)
@given(data=st.data(), part=json_values)
@settings(max_examples=300, deadline=None)
def test_a_file_with_a_changed_part_is_refused_or_can_be_shown(
    read: Callable[[str], Any], written: str, data: st.DataObject, part: Any
) -> None:
    content = json.loads(written)
    text = json.dumps(with_part(content, data.draw(st.sampled_from(paths_in(content))), part))
    try:
        record = read(text)
    except ValueError:
        return
    if isinstance(record, Receipt):
        check(details_answer(record))
    else:
        assert hash(record)  # no list or dict where text or numbers belong


@pytest.mark.parametrize("written", [int, str])
def test_discord_ids_can_be_numbers_or_strings(written: type) -> None:
    steps = with_part(json.loads(WALK), ("state", "opener"), written(2**62))
    assert read_walk(json.dumps(steps))[0].opener == 2**62
    guesses = with_part(json.loads(ROUND), ("guesses", 0, "user"), written(2**62))
    assert read_round(json.dumps(with_part(guesses, ("opener",), written(2**62))))[0].guess_of(2**62)


@pytest.mark.parametrize(
    "options", [{"k": 0}, {"k": -1}, {"k": 10**9}, {"temperature": 0.0}, {"temperature": float("inf")}]
)
def test_options_out_of_their_ranges_are_refused(options: dict[str, Any]) -> None:
    content = json.loads(WALK)
    with pytest.raises(ValueError, match=r"^this file is not a receipt$"):
        read_receipt(json.dumps(content | {"options": content["options"] | options}))
