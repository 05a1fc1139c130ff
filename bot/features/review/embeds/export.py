"""Scores as a file: CSV that a spreadsheet cannot mistake for formulas, or JSON Lines."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import discord

from bot.answers.answer import GREEN, Answer
from bot.storage.question_records import LabelledCase, Measurement, PlaceQuestion, Rule, ServerQuestion
from bot.storage.records import ScoredMessage

# No author: an export describes a channel and must not rank people.
COLUMNS = ("message", "posted_at", "positive_probability", "margin", "label_mass", "model")
ROWS_AT_A_TIME = 500
# OWASP, "CSV Injection": a cell that begins with one of these may be run as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


async def write_rows(file: Path, kind: str, guild_id: int, rows: AsyncIterator[ScoredMessage], largest: int) -> int:
    """Write `rows` as "csv" or "jsonl" and return how many were written.

    Rows are written 500 at a time. Writing ends when the file is larger than `largest` bytes.
    """
    as_text = _csv if kind == "csv" else _json_lines
    count, waiting = 0, [",".join(COLUMNS) + "\r\n"] if kind == "csv" else []
    is_first = True
    async for row in rows:
        waiting.append(as_text(_record(guild_id, row)))
        count += 1
        if len(waiting) >= ROWS_AT_A_TIME:
            size = await asyncio.to_thread(_append, file, waiting)
            waiting, is_first = [], False
            if size > largest:
                return count
    if waiting or is_first:
        await asyncio.to_thread(_append, file, waiting)
    return count


def question_export(
    question: PlaceQuestion,
    versions: Sequence[ServerQuestion],
    labelled: Sequence[LabelledCase],
    measurements: Sequence[Measurement],
) -> dict[str, object]:
    """Return a place's question as JSON values: its versions with examples, labels and measurements, without names."""
    return {
        "name": question.name,
        "version": question.version,
        "rule": _rule(question.rule),
        "versions": [
            {
                "version": version.version,
                "written_at": version.written_at.isoformat(),
                "definition": json.loads(version.definition),
            }
            for version in versions
        ],
        "labels": [
            {
                "message": message_url(question.guild_id, case.channel_id, case.message_id),
                "label": case.label,
                "is_flagging": case.is_flagging,
                "weight": case.weight,
                "source": case.source,
            }
            for case in labelled
        ],
        "measurements": [
            {
                "version": measurement.version,
                "rule": _rule(measurement.rule),
                "model": measurement.model,
                "fingerprint": measurement.fingerprint,
                "measured_at": measurement.measured_at.isoformat(),
                "confirmed_at": measurement.confirmed_at and measurement.confirmed_at.isoformat(),
                "partly_deleted": measurement.partly_deleted,
                "summary": json.loads(measurement.summary),
            }
            for measurement in measurements
        ],
    }


def _rule(rule: Rule) -> dict[str, object]:
    return {
        "flag_label": rule.flag_label,
        "threshold": rule.threshold,
        "direction": rule.direction,
        "calibration": rule.calibration,
        "prior": json.loads(rule.prior),
    }


def message_url(guild_id: int, channel_id: int, message_id: int) -> str:
    """Return the address of a message. Spreadsheets and JavaScript round numbers of 19 digits."""
    return f"https://discord.com/channels/{guild_id}/{channel_id}/{message_id}"


def export_answer(place: str, count: int, kind: str, *, with_questions: bool = False) -> Answer:
    """Say what the files contain, and that the export is recorded."""
    text = (
        f"{count:,} scored messages of {place} as {kind.upper()}: links, times and figures, without names "
        "or texts. Share the file only with moderators of that channel. This export is recorded in the audit log."
    )
    if with_questions:
        text += " `questions.json` has the channel's own questions: versions, examples, labels and measurements."
    return Answer(discord.Embed(title="Export", description=text, colour=GREEN))


def _record(guild_id: int, row: ScoredMessage) -> dict[str, str | float]:
    return {
        "message": message_url(guild_id, row.channel_id, row.message_id),
        "posted_at": row.posted_at.isoformat(),
        "positive_probability": row.positive_probability,
        "margin": row.margin,
        "label_mass": row.label_mass,
        "model": row.model,
    }


def _csv(record: dict[str, str | float]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow([_cell(record[column]) for column in COLUMNS])
    return line.getvalue()


def _cell(value: str | float) -> str | float:
    """Return a value that no spreadsheet runs as a formula. Numbers stay numbers, even negative ones."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _json_lines(record: dict[str, str | float]) -> str:
    return json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"


def _append(file: Path, lines: list[str]) -> int:
    with file.open("a", encoding="utf-8", newline="") as stream:
        stream.writelines(lines)
        return stream.tell()
