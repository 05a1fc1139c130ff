"""A case as moderators see it: the card of a flagged message, its history, and the digest of many."""

from collections.abc import Sequence

import discord

from bot.answers.answer import AMBER, BLURPLE, GREEN, RED
from bot.features.review.embeds.measured import measured_text
from bot.rendering.escaping import escape_prose
from bot.rendering.prose import plain_excerpt, visible_excerpt
from bot.rendering.tables import percentage
from bot.storage.question_records import Measurement
from bot.storage.records import Case, CaseEvent

CAUTION_QUESTION = "Answers come from a small model and can be wrong: look before you act."
CAUTION = "Scores come from a small model and can be wrong. Sentiment is not toxicity: look before you act."
REACTIONS = {"positive": "🙂", "negative": "🙁"}
EXCERPT = "Excerpt"  # the name of the field that is removed after 30 days
EXCERPT_LENGTH = 300
NOTE_LENGTH = 300  # characters of a note that a history shows
EVENTS_SHOWN = 8  # the newest; `/review case` shows all
DIGEST_CASES = 25  # the most options of a select menu
FIELD_LIMIT = 1024

_THRESHOLDS = {None: "Flagged below", "above": "Flagged from", "below": "Flagged up to"}
_STATES = {
    "open": "",
    "claimed": "",
    "confirmed": " · confirmed",
    "dismissed": " · dismissed",
    "withdrawn": " · withdrawn",
}
_WITHDRAWN = "the message was edited: {probability}, no longer flagged"  # by a place's own question
_EVENTS = {
    "opened": "flagged at {probability}",
    "edited": "the message was edited: {probability}",
    "withdrawn": "the message was edited: {probability}, no longer below the threshold",
    "reopened": "the message was edited: {probability}, flagged again",
    "urgent": "the message was edited: {probability}, now urgent",
    "unscored": "the message was edited: it no longer has text that can be scored",
    "claimed": "claimed by {who}",
    "released": "released by {who}",
    "confirmed": "**confirmed** by {who}",
    "dismissed": "**dismissed** by {who}",
    "noted": "{who}: {note}",
}


def label_text(label: str, positive_probability: float) -> str:
    """Return the text of the reply that labels a message."""
    return (
        f"-# {REACTIONS[label]} Sounds {label} · P(positive) {percentage(positive_probability)} · a small model's guess"
    )


def case_title(case: Case) -> str:
    """Return a case's number, the place's question that flagged it, whether it is urgent, and its outcome."""
    by = "" if case.question is None else f" · {case.question}"
    return f"Case {case.number:,}{by} · {'urgent' if case.urgent else 'flagged'}{_STATES[case.state]}"


def model_text(model: str) -> str:
    """Return the text for a model that is stored as ``name@revision``."""
    name, _, revision = model.rpartition("@")
    return f"{plain_excerpt(name, FIELD_LIMIT // 2).text} · {plain_excerpt(revision, FIELD_LIMIT // 4).text}"


def message_link(guild_id: int, channel_id: int, message_id: int) -> str:
    """Return a Markdown link to a message."""
    return f"[message](https://discord.com/channels/{guild_id}/{channel_id}/{message_id})"


def case_card(
    case: Case, history: Sequence[CaseEvent], excerpt: str | None, measurement: Measurement | None = None
) -> discord.Embed:
    """Return the card of a case, with the field `excerpt` unless that is None.

    `measurement` is the one that allowed the case.
    """
    embed = discord.Embed(title=case_title(case), colour=_colour(case))
    link = message_link(case.guild_id, case.channel_id, case.message_id)
    when = discord.utils.format_dt(case.posted_at, "R")
    embed.description = f"{link} by <@{case.author_id}> in <#{case.channel_id}>, {when}"
    if excerpt:
        embed.add_field(name=EXCERPT, value=excerpt, inline=False)
    if case.question is not None:
        embed.add_field(name="Question", value=f"{case.question}, version {case.version}")
    embed.add_field(name=_probability_name(case), value=_share(case.positive_probability))
    embed.add_field(name=_THRESHOLDS[case.direction], value=f"{case.flag_below:g}")
    embed.add_field(name="Margin", value=f"{case.margin:+.2f} logits")
    embed.add_field(name="Label mass", value=_share(case.label_mass))
    embed.add_field(name="Model", value=model_text(case.model))
    embed.add_field(name="Flags so far", value=measured_text(measurement))
    embed.add_field(name="History", value=_lines(case, history[-EVENTS_SHOWN:], FIELD_LIMIT), inline=False)
    embed.set_footer(text=_caution(case))
    return embed


def case_history(case: Case, history: Sequence[CaseEvent]) -> discord.Embed:
    """Return the history of a case: the newest events that fit."""
    embed = discord.Embed(title=case_title(case), description=_lines(case, history, 3800), colour=_colour(case))
    embed.set_footer(text=_caution(case))
    return embed


def spoilered_excerpt(text: str) -> str:
    """Return the beginning of a message behind a spoiler."""
    return f"||{plain_excerpt(text.strip(), EXCERPT_LENGTH).text}||"


def digest_embed(cases: Sequence[Case]) -> discord.Embed:
    """Return the digest of many cases: their numbers and scores, without messages or authors."""
    lines = [
        f"{case.number:,} · {_by(case)}{percentage(case.positive_probability)}{_urgent(case)}"
        for case in cases[:DIGEST_CASES]
    ]
    if (rest := len(cases) - DIGEST_CASES) > 0:
        lines.append(f"… and {rest:,} more, up to case {cases[-1].number:,}: `/review case number:{cases[-1].number}`")
    urgent = any(case.urgent for case in cases)
    by_questions = any(case.question is not None for case in cases)
    content = "case, the question that flagged it, and its probability" if by_questions else "case and P(positive)"
    embed = discord.Embed(
        title=f"{len(cases):,} more messages flagged",
        description=f"Each line: {content}. Choose a case below to post its card here.\n" + "\n".join(lines),
        colour=RED if urgent else AMBER,
    )
    embed.set_footer(text=CAUTION)
    return embed


def digest_options(cases: Sequence[Case]) -> list[discord.SelectOption]:
    """Return the options of a digest's menu: its first 25 cases."""
    return [
        discord.SelectOption(
            label=f"Case {case.number:,}",
            description=f"{_by(case) or 'P(positive) '}{percentage(case.positive_probability)}{_urgent(case)}",
            value=str(case.id),
        )
        for case in cases[:DIGEST_CASES]
    ]  # fmt: skip


def excerpt_of(embed: discord.Embed) -> str | None:
    """Return the excerpt on a posted card, None if it has none."""
    return next((field.value for field in embed.fields if field.name == EXCERPT), None)


def _share(probability: float) -> str:
    return escape_prose(percentage(probability))  # ">99.99%" would begin a quotation


def _probability_name(case: Case) -> str:
    return "P(positive)" if case.flag_label is None else f"P({visible_excerpt(case.flag_label.strip(), 100)})"


def _by(case: Case) -> str:
    return "" if case.question is None else f"{case.question} "


def _caution(case: Case) -> str:
    return CAUTION if case.question is None else CAUTION_QUESTION


def _urgent(case: Case) -> str:
    return " · urgent" if case.urgent else ""


def _colour(case: Case) -> discord.Colour:
    if case.state in ("open", "claimed"):
        return RED if case.urgent else AMBER
    return GREEN if case.state == "dismissed" else BLURPLE


def _lines(case: Case, history: Sequence[CaseEvent], limit: int) -> str:
    lines: list[str] = []
    for event in reversed(history):
        line = _event(event, by_question=case.question is not None)
        if sum(len(other) + 1 for other in lines) + len(line) > limit:
            break
        lines.insert(0, line)
    return "\n".join(lines)


def _event(event: CaseEvent, *, by_question: bool = False) -> str:
    probability = "" if event.positive_probability is None else percentage(event.positive_probability)
    note = plain_excerpt(" ".join((event.note or "").split()), NOTE_LENGTH).text
    is_withdrawal = by_question and event.kind == "withdrawn"
    text = (_WITHDRAWN if is_withdrawal else _EVENTS[event.kind]).format(
        probability=probability, who=f"<@{event.user_id}>", note=note
    )
    return f"`{event.number}` {text} · {discord.utils.format_dt(event.at, 'R')}"
