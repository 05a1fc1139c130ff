"""What members see of what is kept of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

import discord

from bot.answers.answer import GREEN, Answer, Attachment
from bot.storage.records import AuthorRow, Case

PRIVACY = (
    "In channels that moderators watch, each message of yours is scored by a small language model: how positive it "
    "sounds. Kept are its id, yours, the channel's and the server's, when it was posted, a salted hash of its text, "
    "and the score. **The text is not stored**, and nothing is used for training. Where moderators let the bot flag "
    "messages, one that scores low gets a card for them, with its score and, where they turned that on, its beginning "
    "for 30 days.\n\n"
    "A deleted message is forgotten at once and its card deleted, an unwatched channel with all that was kept of it, "
    "and a server with all of its data when the bot leaves.\n\n"
    "`/privacy export` gives you a copy, `/privacy delete` deletes it, `/privacy optout` deletes it and keeps you from "
    "being read again."
)

_COUNTED = {"id", "number", "tries"}  # of a case, counted from 1, and of a message: no ids of Discord
# The keys of the export stay as they were when members made their first copies.
_MESSAGE_KEYS = {"place_id": "channel_id", "channel_id": "posted_in"}
_CASE_KEYS = {"channel_id": "posted_in"}


def privacy_answer(*, opted_out: bool) -> Answer:
    """Say what is kept of members, and whether the asker opted out."""
    state = (
        "You have opted out: nothing of yours is read. `/privacy optin` ends that."
        if opted_out
        else "You have not opted out."
    )
    return _answer("Privacy", f"{PRIVACY}\n\n{state}")


def export_answer(rows: Sequence[AuthorRow], cases: Sequence[Case]) -> Answer:
    """Give a copy of all that is kept of somebody, as JSON."""
    kept = {
        "messages": [_plain(row, _MESSAGE_KEYS) for row in rows],
        "cases": [_plain(case, _CASE_KEYS) for case in cases],
    }
    file = Attachment("nightword-export.json", json.dumps(kept, indent=2), "All that is kept of you, as JSON")
    count = "1 score" if len(rows) == 1 else f"{len(rows):,} scores"
    flagged = f" and {len(cases):,} of your messages that were flagged" if cases else ""
    return Answer(_answer("Your data", f"All that is kept of you: {count}{flagged}.").embed, (file,))


def deleted_answer(count: int, *, opted_out: bool) -> Answer:
    """Say what was deleted."""
    messages = "1 message" if count == 1 else f"{count:,} messages"
    text = f"What was kept of {messages} of yours is deleted."
    later = "Nothing of yours will be read again." if opted_out else "New messages in watched channels are read again."
    return _answer("Deleted", f"{text} {later}")


def opted_in_answer() -> Answer:
    """Say that somebody's messages are read again."""
    return _answer(
        "Opted in", "New messages of yours in watched channels are read from now on. `/privacy optout` ends it."
    )


def _answer(title: str, text: str) -> Answer:
    return Answer(discord.Embed(title=title, description=text, colour=GREEN))


def _plain(row: AuthorRow | Case, keys: Mapping[str, str]) -> dict[str, object]:
    return {keys.get(name, name): _json_value(name, value) for name, value in asdict(row).items()}


def _json_value(name: str, value: object) -> object:
    """Return a value for JSON. Discord's ids are strings, since JavaScript rounds numbers of 19 digits."""
    if isinstance(value, datetime):
        return value.isoformat()
    is_id = isinstance(value, int) and not isinstance(value, bool) and name not in _COUNTED
    return str(value) if is_id else value
