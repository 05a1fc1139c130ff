"""The progress of a backfill."""

from collections.abc import Sequence

import discord

from bot.answers.answer import BLURPLE, GREEN, Answer
from bot.rendering.tables import bar

CELLS = 20
HIDDEN_SHOWN = 10


def backfill_answer(
    place: str,
    seen: int,
    limit: int,
    taken: int,
    waiting: int,
    *,
    failed: int = 0,
    hidden: Sequence[str] = (),
    is_read: bool,
    is_stopped: bool,
) -> Answer:
    """Show how many old messages were read and scored, with a progress bar until the end.

    `failed` is how many could not be scored so far; `hidden` are mentions of channels that could not be read.
    """
    scored = max(0, taken - waiting - failed)
    share = 0.5 * (1.0 if is_read else seen / limit) + 0.5 * (scored / taken if taken else float(is_read))
    state = f"{seen:,} read · {scored:,} of {taken:,} scored"
    if is_stopped:
        title, text = "Backfill stopped", f"Read {seen:,} messages in {place}. Scores so far are kept."
    elif is_read and not waiting:
        skipped = seen - taken
        left_out = f" Skipped {skipped:,}: nothing to score, or already stored." if skipped else ""
        done = "1 old message was scored" if scored == 1 else f"{scored:,} old messages were scored"
        later = f" {failed:,} could not be scored yet; `/review status` lists repeated failures." if failed else ""
        title, text = "Backfill done", f"{place}: {done}.{left_out}{later}"
    else:
        title = f"Backfilling up to {limit:,} messages"
        text = f"{place}\n`{bar(share, CELLS)}` {share:.0%}\n{state}"
    if hidden:
        more = f" and {len(hidden) - HIDDEN_SHOWN:,} more" if len(hidden) > HIDDEN_SHOWN else ""
        text += f"\nDiscord didn't let the bot read {', '.join(hidden[:HIDDEN_SHOWN])}{more}."
    return Answer(discord.Embed(title=title, description=text, colour=GREEN if is_read and not waiting else BLURPLE))
