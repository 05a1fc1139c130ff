"""What moderators see of an audit: one message at a time, without its score."""

from dataclasses import dataclass

import discord

from bot.answers.answer import BLURPLE, GREEN, Answer
from bot.decisions.sampling import AUDITS, NEEDED, NEEDED_FLAGGING
from bot.features.review.embeds.absences import Absence, absences_text
from bot.features.review.embeds.card import message_link
from bot.features.review.embeds.questions import label_text
from bot.rendering.prose import quote_excerpt
from bot.storage.question_records import PlaceQuestion

TEXT_SHOWN = 3000
MOST_TRIES = 25  # messages drawn for one card, if those before can't be shown


@dataclass(frozen=True, slots=True)
class AuditProgress:
    """How far an audit is: the labelled cases, how many should be flagged, and what was left out just now."""

    question: PlaceQuestion
    labelled: int
    flagging: int
    absences: tuple[Absence, ...] = ()
    note: str = ""
    is_by_score: bool = False

    @property
    def text(self) -> str:
        """The progress in words."""
        return f"{self.labelled:,} of {AUDITS} labelled, {self.flagging:,} of them {self._kind}"

    @property
    def _kind(self) -> str:
        rule = self.question.rule
        label = f"“{label_text(rule.flag_label)}”"
        return label if rule.direction == "above" else f"not {label}"


def card_answer(
    progress: AuditProgress, guild_id: int, channel_id: int, message_id: int, text: str, view: discord.ui.View | None
) -> Answer:
    """Show a message to label."""
    lines = [
        *_notes(progress),
        f"{message_link(guild_id, channel_id, message_id)} in <#{channel_id}>",
        quote_excerpt(text, TEXT_SHOWN).text,
    ]
    embed = discord.Embed(title=f"Audit of {progress.question.name}", description="\n".join(lines), colour=BLURPLE)
    embed.set_footer(text=f"{progress.text}. Which label fits? The score is not shown, so that it doesn't sway you.")
    return Answer(embed, view=view)


def finished_answer(progress: AuditProgress, *, is_stopped: bool) -> Answer:
    """Say that an audit was stopped or has no more messages, and what to do next."""
    question = progress.question
    lines = [*_notes(progress), f"{progress.text}."]
    if len(progress.absences) >= MOST_TRIES:
        lines.append(f"None of {MOST_TRIES} drawn messages can be shown. Use `/review audit` again to draw others.")
    elif not is_stopped:
        lines.append(
            f"There is nothing more to label: every other message that {question.name} has scored in "
            f"<#{question.place_id}> is labelled or has a case. New messages are added as they come."
        )
    if progress.labelled >= NEEDED and progress.flagging >= NEEDED_FLAGGING:
        lines.append("That is enough to measure the question with `/review measure`.")
    else:
        lines.append(
            f"A measurement that can be confirmed needs about {NEEDED} cases, {NEEDED_FLAGGING} of them to be flagged. "
            "Continue with `/review audit`."
        )
    title = "Audit stopped" if is_stopped else "Nothing to audit"
    return Answer(discord.Embed(title=title, description="\n".join(lines), colour=GREEN))


def _notes(progress: AuditProgress) -> list[str]:
    notes = [progress.note] if progress.note else []
    if progress.is_by_score:
        notes.append(
            "Few messages should be flagged, so half of these are drawn from the tenth with the highest scores. "
            "Weights correct for that."
        )
    if left_out := absences_text(progress.absences):
        notes.append(f"Left out just now: {left_out}.")
    return [*notes, ""] if notes else []
