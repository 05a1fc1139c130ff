"""How far a backfill has come."""

import discord

from bot.rendering.answer import BLURPLE, GREEN, Answer
from bot.rendering.tables import bar

CELLS = 20


def backfill_answer(
    place: str, seen: int, limit: int, taken: int, waiting: int, *, is_read: bool, is_stopped: bool
) -> Answer:
    """Show how many old messages were read and scored, as a bar until the end."""
    scored = taken - waiting
    share = 0.5 * (1.0 if is_read else seen / limit) + 0.5 * (scored / taken if taken else float(is_read))
    state = f"{seen:,} read · {taken:,} to be scored · {scored:,} scored"
    if is_stopped:
        title, text = "Backfill stopped", f"{seen:,} messages of {place} were read. What has its score keeps it."
    elif is_read and not waiting:
        skipped = seen - taken
        left_out = f" Of {skipped:,} others nothing was to be read, or it was known already." if skipped else ""
        have = "1 old message has its score" if taken == 1 else f"{taken:,} old messages have their scores"
        title, text = "Backfill done", f"{place}: {have}.{left_out}"
    else:
        title = f"Backfilling up to {limit:,} messages"
        text = f"{place}\n`{bar(share, CELLS)}` {share:.0%}\n{state}"
    return Answer(discord.Embed(title=title, description=text, colour=GREEN if is_read and not waiting else BLURPLE))
