"""What moderators see of review channels, and members of what is kept of them."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import discord

from bot.rendering.answer import BLURPLE, GREEN, Answer, Attachment
from bot.rendering.escaping import code_block
from bot.rendering.tables import bar, percentage
from bot.storage.records import AuthorRow, ScoredMessage, Watched

LINKS = 10
BINS = 10
BAR_WIDTH = 14
CAUTION = "A small model judged, and it errs. Sentiment is not toxicity: look before you act."

NOTICE = (
    "Messages in this channel are read by a small language model, which estimates whether they sound positive or "
    "negative, so that moderators see the mood. Texts are not stored. `/privacy info` says what is kept, "
    "`/privacy optout` ends it for you."
)
PRIVACY = (
    "In channels that moderators watch, each message of yours is scored by a small language model: how positive it "
    "sounds. Kept are its id, yours, the channel's and the server's, when it was posted, a salted hash of its text, "
    "and the score. **The text is not stored**, and nothing is used for training.\n\n"
    "A deleted message is forgotten at once, an unwatched channel with all that was kept of it, and a server with all "
    "of its data when the bot leaves.\n\n"
    "`/privacy export` gives you a copy, `/privacy delete` deletes it, `/privacy optout` deletes it and keeps you from "
    "being read again."
)


def watch_answer(channel: discord.TextChannel, *, is_new: bool, notice: bool) -> Answer:
    """Say that a channel is watched, and what that means."""
    first = f"Messages in {channel.mention} are scored from now on."
    text = first if is_new else f"{channel.mention} is watched already."
    told = "A notice in the channel tells its members." if notice else "Its members are not told by the bot: tell them."
    shadow = "Nothing is posted, labelled or removed: `/review preview` shows what a threshold would have flagged."
    return _answer("Watching", "\n".join([text, *([told] if is_new else []), shadow]))


def unwatch_answer(channel: discord.TextChannel, *, was_watched: bool) -> Answer:
    """Say that a channel is watched no more."""
    done = f"{channel.mention} is no longer read, and all that was kept of it is deleted."
    return _answer("Not watching", done if was_watched else f"{channel.mention} was not watched.")


def status_answer(watched: Sequence[tuple[Watched, int]], waiting: int) -> Answer:
    """Show the watched channels with how many of their messages are scored, and how many of all wait."""
    lines = [f"<#{one.channel_id}> · {count:,} scored · since {timestamp(one.watched_at)}" for one, count in watched]
    embed = discord.Embed(title="Review channels", description="\n".join(lines) or "None is watched.", colour=BLURPLE)
    embed.add_field(name="Waiting for a score", value=f"{waiting:,}")
    embed.set_footer(text=CAUTION)
    return Answer(embed)


def preview_answer(channel: discord.TextChannel, scored: Sequence[ScoredMessage], flag_below: float) -> Answer:
    """Show how many messages a threshold would have flagged, the lowest of them, and how all scores are spread."""
    flagged = sorted((one for one in scored if one.positive_probability < flag_below), key=_probability)
    summary = (
        f"With `flag_below:{flag_below:g}` you would have flagged **{len(flagged):,} of the last {len(scored):,}**"
    )
    links = [
        f"- {percentage(one.positive_probability)} · {_link(channel, one.message_id)} · <@{one.author_id}>"
        for one in flagged[:LINKS]
    ]
    more = [f"… and {len(flagged) - LINKS:,} more"] if len(flagged) > LINKS else []
    lines = [f"{summary} in {channel.mention}.", *links, *more, code_block(_spread(scored))]
    embed = discord.Embed(title="Preview", description="\n".join(lines), colour=BLURPLE)
    embed.set_footer(text=f"P(positive) of two labels, the lowest first. {CAUTION}")
    return Answer(embed)


def privacy_answer(*, opted_out: bool) -> Answer:
    """Say what is kept of members, and whether the asker opted out."""
    state = "You have opted out: nothing of yours is read." if opted_out else "You have not opted out."
    return _answer("Privacy", f"{PRIVACY}\n\n{state}")


def export_answer(rows: Sequence[AuthorRow]) -> Answer:
    """Give a copy of all that is kept of somebody, as JSON."""
    kept = [{name: _plain(value) for name, value in asdict(row).items()} for row in rows]
    file = Attachment("nightword-export.json", json.dumps(kept, indent=2), "All that is kept of you, as JSON")
    count = "1 entry" if len(kept) == 1 else f"{len(kept):,} entries"
    return Answer(_answer("Your data", f"All that is kept of you: {count}.").embed, (file,))


def deleted_answer(count: int, *, opted_out: bool) -> Answer:
    """Say what was deleted."""
    messages = "1 message" if count == 1 else f"{count:,} messages"
    text = f"What was kept of {messages} of yours is deleted."
    later = "Nothing of yours will be read again." if opted_out else "New messages in watched channels are read again."
    return Answer(_answer("Deleted", f"{text} {later}").embed)


def timestamp(moment: datetime) -> str:
    """Return a time that each reader sees in their own zone."""
    return discord.utils.format_dt(moment, "d")


def _answer(title: str, text: str) -> Answer:
    return Answer(discord.Embed(title=title, description=text, colour=GREEN))


def _probability(message: ScoredMessage) -> float:
    return message.positive_probability


def _link(channel: discord.TextChannel, message_id: int) -> str:
    return f"[message](https://discord.com/channels/{channel.guild.id}/{channel.id}/{message_id})"


def _spread(scored: Sequence[ScoredMessage]) -> str:
    """Return a bar for each tenth of P(positive)."""
    counts = [0] * BINS
    for one in scored:
        counts[min(BINS - 1, int(one.positive_probability * BINS))] += 1
    most = max(counts)
    columns = len(f"{most:,}")
    return "\n".join(
        f"{place / BINS:.1f} {count:>{columns},} {bar(count / most if most else 0, BAR_WIDTH)}".rstrip()
        for place, count in enumerate(counts)
    )


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
