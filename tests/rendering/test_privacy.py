"""A member's exported data: ids are strings, which every JSON reader keeps exactly."""

import json
from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Any, TypeVar, get_type_hints

import pytest

from bot.features.review.embeds.privacy import export_answer
from bot.storage.records import AuthorRow, Case

T = TypeVar("T")
LARGEST = 2**63 - 1  # the largest integer in the database; a JSON reader's double is exact only up to 2**53
NOT_OF_DISCORD = {
    "id",
    "number",
    "tries",
    "place_question_id",
    "version",
    "measurement_id",
}  # a case's row, its number in its server, and how often a score was tried


EXAMPLES: dict[Any, Any] = {
    int: LARGEST, str: "x", float: 0.5, bool: True, datetime: datetime(2026, 11, 26, tzinfo=UTC)
}  # fmt: skip


def largest_record(kind: type[T]) -> T:
    """Return a record with the largest integer in every integer field."""
    values: dict[str, Any] = {}
    for name, hint in get_type_hints(kind).items():
        kinds: tuple[Any, ...] = (hint, *getattr(hint, "__args__", ()))
        values[name] = next((example for type_, example in EXAMPLES.items() if type_ in kinds), "open")
    return kind(**values)


# Members' programs read these keys, so they stay even if a record's field is renamed.
KEYS: dict[type[Any], str] = {
    AuthorRow: "message_id channel_id posted_in guild_id posted_at content_hash pending scored_content_hash model "
    "positive_probability margin label_mass scored_at tries fault next_try_at",
    Case: "id guild_id number message_id place_id posted_in author_id posted_at log_channel_id urgent flag_below "
    "positive_probability margin label_mass model state claimed_by decided_by opened_at card_message_id "
    "digest_message_id place_question_id question version flag_label direction measurement_id",
}


@pytest.mark.parametrize("kind", [AuthorRow, Case])
def test_every_id_of_an_export_is_a_string(kind: type[Any]) -> None:
    record = largest_record(kind)
    answered = export_answer([record], []) if kind is AuthorRow else export_answer([], [record])
    content = answered.attachments[0].content
    assert isinstance(content, str)
    kept = json.loads(content)
    [row] = kept["messages"] or kept["cases"]
    assert list(row) == KEYS[kind].split()
    numbers = [isinstance(getattr(record, field.name), int) for field in fields(kind)]
    whole = {name for name, is_number in zip(row, numbers, strict=True) if is_number} - {"pending", "urgent"}
    assert whole > {"message_id", "posted_in", "guild_id"}
    assert {name: row[name] for name in whole - NOT_OF_DISCORD} == dict.fromkeys(whole - NOT_OF_DISCORD, str(LARGEST))
    assert {type(row[name]) for name in whole & NOT_OF_DISCORD} <= {int}
    assert date.fromisoformat(row["posted_at"][:10]) == date(2026, 11, 26)
