"""What moderators see about watched places, and the notice that members see."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import discord

from bot.answers.answer import BLURPLE, GREEN, Answer
from bot.features.review.embeds.card import CAUTION, case_history, message_link, model_text
from bot.questions.language_model import ModelInfo
from bot.storage.records import AuditEntry, Case, CaseEvent, CaseOutcome, Exemption, Fault, Unscored, WatchedPlace

FIELD_LIMIT = 1024
MOST_NAMED = 10  # channels listed in a line
PLACES_LIMIT = 2900  # characters: with all fields, the status stays below an embed's limit of 6,000
UNSCORED_SHOWN = 5
UNSCORED_LIMIT = FIELD_LIMIT + 100  # characters that the list of unscored messages takes from the places
_FAULTS: dict[Fault, str] = {
    "not_finite": "**The model's numbers are not finite{dtype}.** {remedy}",
    "model": "**The model or its tokenizer failed on this text.** The bot's log says where.",
    "database": "**The database refused the score.** The bot's log names the kind of error.",
    "unreadable": "**Discord didn't let the bot read the message.** Give it View Channel and Read Message History.",
    "bot": "**A bug in the bot.** The bot's log says where.",
}
NOTICE = (
    "A small language model reads the messages in this channel and estimates whether they sound positive or negative. "
    "This shows moderators the mood. The texts are not stored. `/privacy info` explains what is stored, and "
    "`/privacy optout` stops it for you."
)
NONE_WATCHED = "No watched channel that you can moderate. Start with `/review watch`."
_ACTIONS = {
    "watch": "set the options of {channel}: {detail}",
    "unwatch": "unwatched {channel}",
    "live": "turned {channel} live",
    "shadow": "put {channel} back in shadow",
    "backfill": "started a backfill of {channel}: {detail} messages",
    "retry": "retried {detail} in {channel}",
    "define": "defined question {detail}",
    "undefine": "deleted question {detail}",
    "ask": "set a question in {channel}: {detail}",
    "unask": "stopped asking {detail} in {channel}",
    "ask live": "turned question {detail} live in {channel}",
    "ask shadow": "put question {detail} back in shadow in {channel}",
    "audit": "audited question {detail} in {channel}",
    "measure": "measured question {detail} in {channel}",
    "confirm": "confirmed question {detail} in {channel}",
    "restore": "went back to question {detail} in {channel}",
    "export": "exported {detail} from {channel}",
    "exempt": "exempted {detail}",
    "unexempt": "ended the exemption of {detail}",
}


class Mentioned(Protocol):
    """A channel that can be mentioned."""

    @property
    def mention(self) -> str:
        """Return the markup that Discord shows as the channel's name."""
        ...


@dataclass(frozen=True, slots=True)
class PlaceStatus:
    """A watched place with its counts.

    `left_out` are channels and threads that it does not include, and `questions` the lines about its own questions.
    """

    mention: str
    watched: WatchedPlace
    scored: int
    open_cases: int
    outcomes: Sequence[CaseOutcome]
    left_out: Sequence[Mentioned] = ()
    questions: Sequence[str] = ()


def watch_answer(
    channel: Mentioned,
    watched: WatchedPlace,
    *,
    is_new: bool,
    notice: bool,
    notices: int,
    left_out: Sequence[Mentioned],
    threads: Sequence[Mentioned] | None = None,
) -> Answer:
    """Say that a place is watched, with which options, and what it does not include.

    `notices` is how many were posted. `threads` are open threads that are not included, None if there can be none.
    """
    first = f"New messages in {channel.mention} are scored from now on."
    lines = [first if is_new else f"{channel.mention} is already watched. Its options are now: {_options(watched)}."]
    if is_new and (watched.flag_below is not None or watched.label != "none"):
        lines.append(f"When it is live: {_options(watched)}.")
    lines += [
        f"{part.mention} has its own permissions, so it is not included. Watch it separately." for part in left_out
    ]
    if threads is not None:
        named = f": {_named(threads)}" if threads else ""
        lines.append(f"Threads in text channels are not included{named}. Watch each one separately.")
    if is_new:
        lines.append(_notice_text(notices, is_wanted=notice))
    if watched.live:
        lines.append("It is **live**: new scores are shown with these options.")
    else:
        lines.append(
            "It is in **shadow**: nothing is posted, labelled or removed. `/review preview` shows what a threshold "
            "would have flagged. `/review live` starts showing scores."
        )
    return _answer("Watching", "\n".join(lines))


def live_answer(channel: Mentioned, watched: WatchedPlace, *, on: bool) -> Answer:
    """Say that a place is live, with its options, or in shadow."""
    if not on:
        return _answer("Shadow", f"New scores in {channel.mention} are no longer shown. They are still stored.")
    return _answer("Live", f"New scores in {channel.mention} are now shown: {_options(watched)}. {CAUTION}")


def unwatch_answer(channel: Mentioned, *, was_watched: bool) -> Answer:
    """Say that a place is no longer watched and that its data is deleted."""
    done = (
        f"{channel.mention} is no longer watched. Everything stored about it is deleted, including cards and notices."
    )
    return _answer("Not watched", done if was_watched else f"{channel.mention} was not watched.")


def retry_text(count: int) -> str:
    """Say how many messages are retried."""
    if not count:
        return "There are no messages left to retry. `/review status` shows the current state."
    messages = "1 message" if count == 1 else f"{count:,} messages"
    return f"Retrying {messages} now. Messages that keep failing are listed in `/review status` after 71 minutes."


def exempt_answer(who: str, *, remove: bool, changed: bool) -> Answer:
    """Say whether messages of a role or a person are read."""
    if remove:
        text = f"New messages of {who} in watched channels are read again." if changed else f"{who} was not exempt."
        return _answer("Not exempt", text)
    text = f"New messages of {who} are not read in this server. Scores so far are kept."
    return _answer("Exempt", text if changed else f"{who} is already exempt.")


def case_answer(case: Case, history: Sequence[CaseEvent]) -> Answer:
    """Show the history of a case, with a link to its card."""
    embed = case_history(case, history)
    if case.card_message_id is not None:
        card = message_link(case.guild_id, case.log_channel_id, case.card_message_id).replace("[message]", "[card]")
        embed.description = f"{card}\n{embed.description}"
    return Answer(embed)


def status_answer(
    places: Sequence[PlaceStatus],
    *,
    waiting: int,
    exemptions: Sequence[Exemption],
    actions: Sequence[AuditEntry],
    model: ModelInfo | None,
    unscored: Sequence[Unscored] = (),
    unscored_count: int = 0,
    guild_id: int = 0,
) -> Answer:
    """Show the watched places, how many messages wait, the exemptions and the latest changes.

    `unscored` are the newest of `unscored_count` messages that have no retries left.
    """
    embed = discord.Embed(title="Review channels", colour=BLURPLE)
    limit = PLACES_LIMIT - (UNSCORED_LIMIT if unscored else 0)
    embed.description = fitting([_place(place) for place in places], limit) or NONE_WATCHED
    embed.add_field(name="Waiting for a score", value=f"{waiting:,}")
    name = "loading" if model is None else model_text(f"{model.short_name}@{model.revision or 'local'}")
    embed.add_field(name="Model", value=name)
    if unscored:
        name = f"Could not be scored ({unscored_count:,})"
        embed.add_field(name=name, value=_unscored(unscored, unscored_count, guild_id, model), inline=False)
    if exemptions:
        mentions = [
            f"<@&{exemption.target_id}>" if exemption.kind == "role" else f"<@{exemption.target_id}>"
            for exemption in exemptions
        ]
        embed.add_field(name="Exempt", value=fitting(mentions, FIELD_LIMIT, " "), inline=False)
    if actions:
        embed.add_field(
            name="Latest changes", value=fitting([_action(entry) for entry in actions], FIELD_LIMIT), inline=False
        )
    embed.set_footer(text=CAUTION)
    return Answer(embed)


def precision_text(outcomes: Sequence[CaseOutcome]) -> str:
    """Return the precision, such as ``7 of 12 decided cases were confirmed (58%)``."""
    confirmed = sum(outcome.confirmed for outcome in outcomes)
    share = f" ({confirmed / len(outcomes):.0%})" if outcomes else ""
    return f"{confirmed:,} of {len(outcomes):,} decided cases were confirmed{share}"


def _place(status: PlaceStatus) -> str:
    watched = status.watched
    state = "live" if watched.live else "shadow"
    since = discord.utils.format_dt(watched.watched_at, "d")
    lines = [
        f"{status.mention} · **{state}** · {status.scored:,} scored · watched since {since}",
        f"  {_options(watched)}",
    ]
    if status.left_out:
        lines.append(f"  not included: {_named(status.left_out)}")
    if watched.suspended_at is not None:
        when = discord.utils.format_dt(watched.suspended_at, "R")
        lines.append(f"  **suspended** {when}: the bot can't post in the log channel. `/review live` tries again.")
    if status.outcomes or status.open_cases:
        lines.append(f"  {precision_text(status.outcomes)} · {status.open_cases:,} open")
    lines += status.questions
    return "\n".join(lines)


def _unscored(unscored: Sequence[Unscored], count: int, guild_id: int, model: ModelInfo | None) -> str:
    """Return the reasons why messages could not be scored, each with links to its messages."""
    dtype = "" if model is None else f", in {model.dtype}"
    remedy = "The bot's operator can set `BOT_DTYPE=float32`."
    if model is not None and model.dtype == "float32":
        remedy = "Its weights may be damaged. The bot's operator can choose another model."
    shown = unscored[:UNSCORED_SHOWN]
    lines = []
    for fault in dict.fromkeys(message.fault for message in shown):
        lines.append(_FAULTS[fault].format(dtype=dtype, remedy=remedy))
        links = [
            message_link(guild_id, message.channel_id, message.message_id)
            for message in shown
            if message.fault == fault
        ]
        lines.append(" · ".join(links))
    if count > len(shown):
        lines.append(f"… and {count - len(shown):,} more")
    return "\n".join(lines)


def _options(watched: WatchedPlace) -> str:
    labels = {"none": [], "react": ["a reaction to each message"], "reply": ["a small reply to each message"]}
    parts = labels[watched.label]
    if watched.flag_below is not None:
        urgent = "" if watched.urgent_below is None else f" (urgent below {watched.urgent_below:g})"
        parts.append(f"flags below {watched.flag_below:g}{urgent} with cards in <#{watched.log_channel_id}>")
        if watched.excerpts:
            parts.append("excerpts for 30 days")
    return ", ".join(parts) or "nothing is shown"


def _named(channels: Sequence[Mentioned]) -> str:
    """Return the mentions of the first 10 channels, and how many more there are."""
    more = [f"{len(channels) - MOST_NAMED:,} more"] if len(channels) > MOST_NAMED else []
    return ", ".join([*(channel.mention for channel in channels[:MOST_NAMED]), *more])


def _notice_text(notices: int, *, is_wanted: bool) -> str:
    if not is_wanted:
        return "The bot posted no notice. Please tell the members yourself."
    if notices:
        return f"The bot posted a notice for the members{'' if notices == 1 else f' in {notices:,} channels'}."
    return f"The bot can't post a notice in a forum. Add this to its guidelines:\n> {NOTICE}"


def _action(entry: AuditEntry) -> str:
    channel = "" if entry.place_id is None else f"<#{entry.place_id}>"
    text = _ACTIONS[entry.action].format(channel=channel, detail=entry.detail)
    return f"{discord.utils.format_dt(entry.at, 'R')} <@{entry.user_id}> {text}"


def fitting(parts: Sequence[str], limit: int, between: str = "\n") -> str:
    """Return the first parts that fit, and how many are left out."""
    kept: list[str] = []
    for number, part in enumerate(parts):
        more = f"… and {len(parts) - number:,} more"
        if len(between.join([*kept, part, more])) > limit:
            return between.join([*kept, more])
        kept.append(part)
    return between.join(kept)


def _answer(title: str, text: str) -> Answer:
    return Answer(discord.Embed(title=title, description=text, colour=GREEN))
