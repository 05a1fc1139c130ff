"""What members see about their stored data."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

import discord

from bot.answers.answer import GREEN, Answer, Attachment
from bot.storage.question_records import AuthorAnswer, AuthorLabel
from bot.storage.records import AuthorRow, Case

PRIVACY = (
    "In channels that moderators watch, a small language model scores how positive each of your messages sounds. The "
    "bot stores your user id, the ids of the message, the channel and the server, when the message was posted, a "
    "salted hash of its text, and the score. **The text is not stored**, and nothing is used for training. If "
    "moderators turned flagging on, each flagged message gets a card, which shows them the score that flagged it. If "
    "they turned excerpts on, the card shows the beginning of the message for 30 days. A server can also ask its own "
    "questions about each message, which `/question` shows. Their answers are stored like the score, and so are the "
    "labels that moderators give messages to measure how often a question is right.\n\n"
    "If a message is deleted, its data and its card are deleted at once. If a channel is no longer watched, all its "
    "data is deleted. If the bot leaves a server, all the server's data is deleted.\n\n"
    "`/privacy export` gives you a copy of your data. `/privacy delete` deletes it. `/privacy optout` deletes it and "
    "stops the bot from reading your messages."
)

_COUNTED = {
    "id",
    "number",
    "tries",
    "version",
    "place_question_id",
    "measurement_id",
}  # small numbers of a case or a message, not ids of Discord
# Members have copies with these keys, so the export keeps them.
_MESSAGE_KEYS = {"place_id": "channel_id", "channel_id": "posted_in"}
_CASE_KEYS = {"channel_id": "posted_in"}


def privacy_answer(*, opted_out: bool) -> Answer:
    """Say what is stored about members, and whether the asker opted out."""
    state = (
        "You have opted out: the bot does not read your messages. `/privacy optin` undoes that."
        if opted_out
        else "You have not opted out."
    )
    return _answer("Privacy", f"{PRIVACY}\n\n{state}")


def export_answer(
    rows: Sequence[AuthorRow],
    cases: Sequence[Case],
    answers: Sequence[AuthorAnswer] = (),
    labels: Sequence[AuthorLabel] = (),
) -> Answer:
    """Return a copy of everything stored about a member, as JSON.

    `answers` and `labels` are what places' own questions and moderators' audits say about the member's messages.
    """
    data = {
        "messages": [_plain(row, _MESSAGE_KEYS) for row in rows],
        "cases": [_plain(case, _CASE_KEYS) for case in cases],
        "question_scores": [_plain(answer, {}) for answer in answers],
        "labels": [_plain(label, {}) for label in labels],
    }
    file = Attachment("nightword-export.json", json.dumps(data, indent=2), "All data about you, as JSON")
    count = "1 score" if len(rows) == 1 else f"{len(rows):,} scores"
    flagged = f" and {len(cases):,} flagged message{'' if len(cases) == 1 else 's'}" if cases else ""
    return Answer(_answer("Your data", f"Everything the bot stores about you: {count}{flagged}.").embed, (file,))


def deleted_answer(count: int, *, opted_out: bool) -> Answer:
    """Say what was deleted."""
    text = f"The data of {count:,} of your messages was deleted."
    later = (
        "The bot will not read your messages again."
        if opted_out
        else "Your new messages in watched channels are still read. `/privacy optout` stops that."
    )
    return _answer("Deleted", f"{text} {later}")


def opted_in_answer() -> Answer:
    """Say that a member's messages are read again."""
    return _answer(
        "Opted in", "Your new messages in watched channels are read from now on. `/privacy optout` stops that."
    )


def _answer(title: str, text: str) -> Answer:
    return Answer(discord.Embed(title=title, description=text, colour=GREEN))


def _plain(row: AuthorRow | Case | AuthorAnswer | AuthorLabel, keys: Mapping[str, str]) -> dict[str, object]:
    return {keys.get(name, name): _json_value(name, value) for name, value in asdict(row).items()}


def _json_value(name: str, value: object) -> object:
    """Return a value for JSON. Discord's ids are strings, since JavaScript rounds numbers of 19 digits."""
    if isinstance(value, datetime):
        return value.isoformat()
    is_id = isinstance(value, int) and not isinstance(value, bool) and name not in _COUNTED
    return str(value) if is_id else value
