"""How often a question's flags were right on a server, in words."""

import discord

from bot.decisions.gate import summary_of
from bot.decisions.summary import Share
from bot.storage.question_records import Measurement

NOT_MEASURED = "not measured on this server"


def share_text(share: Share) -> str:
    """Return a share with its 95 % interval, such as ``41 of 50 (69–90 %)``."""
    return f"{share.count:,} of {share.of:,} ({share.low * 100:.0f}–{share.high * 100:.0f} %)"


def measured_text(measurement: Measurement | None) -> str:
    """Return how often the flags of a question were right, and when that was measured."""
    if measurement is None:
        return NOT_MEASURED
    when = discord.utils.format_dt(measurement.measured_at, "R")
    text = f"right in {share_text(summary_of(measurement).precision)}, measured {when}"
    return f"{text}, computed partly from data deleted since" if measurement.partly_deleted else text
