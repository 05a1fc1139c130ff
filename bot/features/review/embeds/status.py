"""What moderators see of what is watched, and members of a watched channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import discord

from bot.answers.answer import BLURPLE, GREEN, Answer
from bot.features.review.embeds.card import CAUTION, case_history, message_link, model_text
from bot.questions.language_model import ModelInfo
from bot.storage.records import AuditEntry, Case, CaseEvent, Exemption, Fault, Unscored, Verdict, WatchedPlace

FIELD_LIMIT = 1024
MOST_NAMED = 10  # channels in a line
PLACES_LIMIT = 2900  # characters of the status, so that it fits with all its fields into the 6,000 of an embed
UNSCORED_SHOWN = 5
UNSCORED_LIMIT = FIELD_LIMIT + 100  # characters fewer for the places, where messages could not be scored
_FAULTS: dict[Fault, str] = {
    "not_finite": "**The model's numbers are not finite{dtype}.** {remedy}",
    "model": "**The model, or its tokenizer, fails on this text.** The bot's log says where.",
    "database": "**The database refuses the score.** The bot's log has the kind of error.",
    "unreadable": "**Discord does not let the bot read it.** Give the bot View Channel and Read Message History.",
    "bot": "**A bug in the bot.** The bot's log says where.",
}
NOTICE = (
    "Messages in this channel are read by a small language model, which estimates whether they sound positive or "
    "negative, so that moderators see the mood. Texts are not stored. `/privacy info` says what is kept, "
    "`/privacy optout` ends it for you."
)
_ACTIONS = {
    "watch": "set {channel} to {detail}",
    "unwatch": "unwatched {channel}",
    "live": "turned {channel} live",
    "shadow": "put {channel} back in shadow",
    "backfill": "backfilled {channel}, {detail}",
    "retry": "tried {detail} of {channel} again",
    "export": "exported {detail} of {channel}",
    "exempt": "exempted {detail}",
    "unexempt": "ended the exemption of {detail}",
}


class Mentioned(Protocol):
    """A channel that can be named."""

    @property
    def mention(self) -> str:
        """Return what Discord shows as its name."""
        ...


@dataclass(frozen=True, slots=True)
class PlaceStatus:
    """A watched place, and how it does."""

    mention: str
    watched: WatchedPlace
    scored: int
    open_cases: int
    verdicts: Sequence[Verdict]
    left_out: Sequence[Mentioned] = ()


def watch_answer(
    channel: Mentioned,
    watched: WatchedPlace,
    *,
    is_new: bool,
    notice: bool,
    told: int,
    left_out: Sequence[Mentioned],
    threads: Sequence[Mentioned] | None = None,
) -> Answer:
    """Say that a channel is watched, how, and what that means; `threads` is None where there can be none apart."""
    first = f"Messages in {channel.mention} are scored from now on."
    lines = [first if is_new else f"{channel.mention} is watched already; its options are now: {_options(watched)}."]
    if is_new and (watched.flag_below is not None or watched.label != "none"):
        lines.append(f"Once it is live: {_options(watched)}.")
    lines += [f"{one.mention} has permissions of its own, and is not read with it." for one in left_out]
    if threads is not None:
        named = f": {_named(threads)}. Watch" if threads else ": watch"
        lines.append(f"Threads in text channels are not read with it{named} each by itself.")
    if is_new:
        lines.append(_told(told, notice=notice))
    if watched.live:
        lines.append("It is **live**: what is scored from now on is shown so.")
    else:
        lines.append(
            "It is in **shadow**: nothing is posted, labelled or removed. `/review preview` shows what a threshold "
            "would have flagged, `/review live` turns it on."
        )
    return _answer("Watching", "\n".join(lines))


def live_answer(channel: Mentioned, watched: WatchedPlace, *, on: bool) -> Answer:
    """Say what is shown from now on."""
    if not on:
        return _answer("Shadow", f"Nothing of {channel.mention} is shown any more; scores are still kept.")
    text = f"What is scored in {channel.mention} from now on is shown: {_options(watched)}. {CAUTION}"
    return _answer("Live", text)


def unwatch_answer(channel: Mentioned, *, was_watched: bool) -> Answer:
    """Say that a channel is watched no more."""
    done = f"{channel.mention} is no longer read, and all that was kept of it is deleted, its cards and notice too."
    return _answer("Not watching", done if was_watched else f"{channel.mention} was not watched.")


def retry_text(count: int) -> str:
    """Say how many messages are tried again."""
    if not count:
        return "No message is left to try again. `/review status` shows how it is now."
    messages = "1 message is" if count == 1 else f"{count:,} messages are"
    return f"{messages} tried again now. What keeps failing is listed again in `/review status` after 71 minutes."


def exempt_answer(who: str, *, remove: bool, changed: bool) -> Answer:
    """Say whose messages are not read."""
    if remove:
        text = f"{who} is read again in watched channels." if changed else f"{who} was not exempt."
        return _answer("Not exempt", text)
    return _answer("Exempt", f"Messages of {who} are not read in this server from now on. What was kept stays.")


def case_answer(case: Case, history: Sequence[CaseEvent]) -> Answer:
    """Show all that happened to a case, with a link to its card."""
    embed = case_history(case, history)
    if case.card_message_id is not None:
        card = message_link(case.guild_id, case.log_channel_id, case.card_message_id).replace("[message]", "[card]")
        embed.description = f"{card}\n{embed.description}"
    return Answer(embed)


def status_answer(
    found: Sequence[PlaceStatus],
    *,
    waiting: int,
    exemptions: Sequence[Exemption],
    actions: Sequence[AuditEntry],
    model: ModelInfo | None,
    unscored: Sequence[Unscored] = (),
    unscored_count: int = 0,
    guild_id: int = 0,
) -> Answer:
    """Show the watched channels, how they do, what waits, whom the bot does not read, and who changed what.

    `unscored` are the newest of `unscored_count` messages for which no try is left.
    """
    embed = discord.Embed(title="Review channels", colour=BLURPLE)
    limit = PLACES_LIMIT - (UNSCORED_LIMIT if unscored else 0)
    embed.description = _fitting([_place(one) for one in found], limit) or "None is watched."
    embed.add_field(name="Waiting for a score", value=f"{waiting:,}")
    name = "loading" if model is None else model_text(f"{model.short_name}@{model.revision or 'local'}")
    embed.add_field(name="Model", value=name)
    if unscored:
        name = f"Could not be scored ({unscored_count:,})"
        embed.add_field(name=name, value=_unscored(unscored, unscored_count, guild_id, model), inline=False)
    if exemptions:
        mentions = [f"<@&{one.target_id}>" if one.kind == "role" else f"<@{one.target_id}>" for one in exemptions]
        embed.add_field(name="Not read", value=_fitting(mentions, FIELD_LIMIT, " "), inline=False)
    if actions:
        embed.add_field(
            name="Latest changes", value=_fitting([_action(one) for one in actions], FIELD_LIMIT), inline=False
        )
    embed.set_footer(text=CAUTION)
    return Answer(embed)


def precision_text(verdicts: Sequence[Verdict]) -> str:
    """Return confirmed over reviewed, such as ``7 of 12 confirmed (58 %)``."""
    confirmed = sum(one.confirmed for one in verdicts)
    share = f" ({confirmed / len(verdicts):.0%})" if verdicts else ""
    return f"{confirmed:,} of {len(verdicts):,} reviewed were confirmed{share}"


def _place(status: PlaceStatus) -> str:
    watched = status.watched
    state = "live" if watched.live else "shadow"
    since = discord.utils.format_dt(watched.watched_at, "d")
    lines = [
        f"{status.mention} · **{state}** · {status.scored:,} scored · since {since}",
        f"  {_options(watched)}",
    ]
    if status.left_out:
        lines.append(f"  not read with it: {_named(status.left_out)}")
    if watched.suspended_at is not None:
        when = discord.utils.format_dt(watched.suspended_at, "R")
        lines.append(f"  **suspended** {when}: the log channel refused the bot. `/review live` tries again.")
    if status.verdicts or status.open_cases:
        lines.append(f"  {precision_text(status.verdicts)} · {status.open_cases:,} open")
    return "\n".join(lines)


def _unscored(unscored: Sequence[Unscored], count: int, guild_id: int, model: ModelInfo | None) -> str:
    """Return why messages could not be scored, each with links to some of them."""
    dtype = "" if model is None else f", in {model.dtype}"
    remedy = "Whoever runs the bot can set `BOT_DTYPE=float32`."
    if model is not None and model.dtype == "float32":
        remedy = "Its weights may be damaged: whoever runs the bot can choose another model."
    shown = unscored[:UNSCORED_SHOWN]
    lines = []
    for fault in dict.fromkeys(one.fault for one in shown):
        lines.append(_FAULTS[fault].format(dtype=dtype, remedy=remedy))
        links = [message_link(guild_id, one.channel_id, one.message_id) for one in shown if one.fault == fault]
        lines.append(" · ".join(links))
    if count > len(shown):
        lines.append(f"… and {count - len(shown):,} more")
    return "\n".join(lines)


def _options(watched: WatchedPlace) -> str:
    parts = {"none": [], "react": ["reacts to each"], "reply": ["a small reply to each"]}[watched.label]
    if watched.flag_below is not None:
        urgent = "" if watched.urgent_below is None else f", urgent below {watched.urgent_below:g}"
        parts.append(f"flags below {watched.flag_below:g}{urgent} to <#{watched.log_channel_id}>")
        if watched.excerpts:
            parts.append("with excerpts for 30 days")
    return ", ".join(parts) or "nothing is shown"


def _named(channels: Sequence[Mentioned]) -> str:
    """Return the first channels by name, and how many there are besides."""
    more = [f"{len(channels) - MOST_NAMED:,} more"] if len(channels) > MOST_NAMED else []
    return ", ".join([*(one.mention for one in channels[:MOST_NAMED]), *more])


def _told(told: int, *, notice: bool) -> str:
    if not notice:
        return "Its members are not told by the bot: tell them."
    if told:
        return "A notice tells its members." if told == 1 else f"A notice in {told} channels tells its members."
    return f"A forum has no place for a notice. Put this into its guidelines:\n> {NOTICE}"


def _action(entry: AuditEntry) -> str:
    channel = "" if entry.place_id is None else f"<#{entry.place_id}>"
    text = _ACTIONS[entry.action].format(channel=channel, detail=entry.detail)
    return f"{discord.utils.format_dt(entry.at, 'R')} <@{entry.user_id}> {text}"


def _fitting(parts: Sequence[str], limit: int, between: str = "\n") -> str:
    """Return as many parts as fit, and how many are missing."""
    kept: list[str] = []
    for number, part in enumerate(parts):
        more = f"… and {len(parts) - number:,} more"
        if len(between.join([*kept, part, more])) > limit:
            return between.join([*kept, more])
        kept.append(part)
    return between.join(kept)


def _answer(title: str, text: str) -> Answer:
    return Answer(discord.Embed(title=title, description=text, colour=GREEN))
