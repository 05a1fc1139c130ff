"""The records of questions that the store returns: frozen, and detached from the database.

A server's moderators define questions. A place asks up to three of them about each of its messages.
"""

import json
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Direction = Literal["above", "below"]
LabelSource = Literal["decided", "audited"]


@dataclass(frozen=True, slots=True)
class ServerQuestion:
    """A question of a server in one of its versions. `definition` is the JSON of its text, labels and examples."""

    id: int
    guild_id: int
    name: str
    version_id: int
    version: int
    definition: str
    written_by: int
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Rule:
    """Which answers to a version of a question are flagged: P(`flag_label`) at least `threshold`, or at most below.

    `calibration` is the method, and `prior` its probability for each label, as JSON.
    """

    version_id: int
    flag_label: str
    threshold: float
    direction: Direction
    calibration: str = "none"
    prior: str = "[]"


@dataclass(frozen=True, slots=True)
class PlaceQuestion:
    """A question that is asked in a place, with the version in force and the rule that flags.

    `live` is what the moderators want; the gate says whether it may alert. `told` is the fingerprint about which the
    log channel was told that it may not.
    """

    id: int
    place_id: int
    guild_id: int
    question_id: int
    name: str
    version: int
    definition: str
    rule: Rule
    log_channel_id: int
    live: bool
    set_by: int
    set_at: datetime
    suspended_at: datetime | None
    digest_at: datetime | None
    told: str | None


@dataclass(frozen=True, slots=True)
class NewQuestionScore:
    """A model's answer to a place's question about one content of a message, or the `fault` that left it without one.

    `probabilities` are those of the labels before calibration, and `computed_by` is the key of the model. `margin` is
    that of the label that flags.
    """

    message_id: int
    content_hash: str
    place_question_id: int
    version_id: int
    model: str
    computed_by: str
    probabilities: tuple[float, ...] = ()
    label_mass: float | None = None
    margin: float | None = None
    verdict: str | None = None
    fault: str | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a number that is not finite, and unless there is either an answer or a fault."""
        figures = [*self.probabilities, *(figure for figure in (self.label_mass, self.margin) if figure is not None)]
        if not all(map(math.isfinite, figures)):
            raise ValueError("the score is not finite")
        if bool(self.probabilities) == bool(self.fault):
            raise ValueError("a score has either probabilities or a fault")


@dataclass(frozen=True, slots=True)
class QuestionScore:
    """A stored answer to a version of a place's question about one content of a message."""

    id: int
    message_id: int
    channel_id: int
    author_id: int
    posted_at: datetime
    content_hash: str
    place_question_id: int
    version_id: int
    model: str
    computed_by: str
    probabilities: tuple[float, ...]
    label_mass: float
    margin: float
    verdict: str | None


@dataclass(frozen=True, slots=True)
class LabelledCase:
    """A message with a moderator's judgement: of a flagged case, or of a message in an audit.

    `is_flagging` says whether the message should be flagged: it has the label that flags or, for a question that flags
    downwards, another one. `label` is None where a decided case leaves it open which of several other labels that is.
    `weight` is 1 for a message that was drawn evenly, and otherwise how much less likely this draw was than an even
    one. `drawn` is the number of the audit's label, in the order of the draws. The text is on Discord only; it counts
    only while its hash is `content_hash`.
    """

    message_id: int
    channel_id: int
    author_id: int
    content_hash: str
    label: str | None
    is_flagging: bool
    weight: float
    source: LabelSource
    drawn: int = 0


@dataclass(frozen=True, slots=True)
class NewMeasurement:
    """A measurement to record: the rule and model that were measured, and its figures.

    `summary` is the JSON of a MeasurementSummary, and `message_ids` are the messages that it was computed from.
    """

    place_question_id: int
    rule: Rule
    fingerprint: str
    model: str
    summary: str
    held_out: int
    flagging: int
    message_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Measurement:
    """A stored measurement. It counts for the gate once its report was shown and a moderator confirmed it.

    `partly_deleted` says that data from which it was computed has been deleted since.
    """

    id: int
    place_question_id: int
    version: int
    rule: Rule
    fingerprint: str
    model: str
    summary: str
    held_out: int
    flagging: int
    measured_by: int
    measured_at: datetime
    reported_at: datetime | None
    confirmed_by: int | None
    confirmed_at: datetime | None
    partly_deleted: bool


@dataclass(frozen=True, slots=True)
class QuestionCounts:
    """How many messages of a place a question scored, and how many it could not."""

    scored: int
    failed: int


@dataclass(frozen=True, slots=True)
class AuthorAnswer:
    """What a place's question got about a message of an author. `probabilities` is a JSON list."""

    message_id: int
    guild_id: int
    place_id: int
    question: str
    version: int
    content_hash: str
    model: str
    probabilities: str | None
    label_mass: float | None
    verdict: str | None
    fault: str | None
    scored_at: datetime


@dataclass(frozen=True, slots=True)
class AuthorLabel:
    """The label that a moderator gave a message of an author for a place's question."""

    message_id: int
    guild_id: int
    place_id: int
    question: str
    content_hash: str
    label: str
    weight: float
    labelled_at: datetime


def floats_of(text: str | None) -> tuple[float, ...]:
    """Return the numbers of a JSON list, none for NULL."""
    return () if text is None else tuple(map(float, json.loads(text)))
