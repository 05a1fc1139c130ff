"""A token walk as an embed: the prompt, the path with each step's probability, and the next candidates."""

from dataclasses import replace

import discord

from bot.answers.answer import BLURPLE, Answer, footer
from bot.answers.more import SHOWN_ROWS
from bot.features.topk.record import WalkRecord
from bot.features.topk.text import candidates_table
from bot.questions.language_model import RunInfo
from bot.questions.topk import Walk
from bot.rendering.escaping import code_block, visible_token
from bot.rendering.pictures.candidates import joint_probability
from bot.rendering.prose import PROMPT_LIMIT, bold_excerpt, prompt_excerpt
from bot.rendering.tables import PHONE_WIDTH, bar, cut, option_label, percentage, table

SHOWN_STEPS = 5  # the last steps of the path
PATH_LIMIT = 900  # characters, escaped
NAME_COLUMNS = 10


def walk_answer(record: WalkRecord, walk: Walk, run: RunInfo) -> Answer:
    """Show the current state of a walk. Before the first step it has only the prompt and the candidates."""
    prompt = prompt_excerpt(walk.prompt, PROMPT_LIMIT).text
    path = bold_excerpt(walk.text, PATH_LIMIT).text
    if walk.ended:
        state = "*The text has ended: its last token is an end-of-text token.*"
    else:
        shown = replace(walk, candidates=walk.candidates[:SHOWN_ROWS])
        state = code_block(candidates_table(shown, PHONE_WIDTH))
    embed = discord.Embed(title="Next token", description=f"{prompt}{path} **▁**\n{state}", colour=BLURPLE)
    if walk.steps:
        hidden = len(walk.steps) - SHOWN_STEPS
        name = f"Path of {_steps(len(walk.steps))}" + (f", the last {SHOWN_STEPS}" if hidden > 0 else "")
        value = f"{code_block(_path_table(record, walk))}\n{_joint_text(walk)}"
        embed.add_field(name=name, value=value, inline=False)
    if walk.temperature != 1.0:
        text = f"**{walk.temperature:g}**: *Sample* uses the column *at T*."
        embed.add_field(name="Temperature", value=text)
    if record.is_open:
        embed.add_field(name="Open to everyone", value="Anyone here can control this walk.")
    embed.set_footer(text=footer(run))
    return Answer(embed)


def has_more(walk: Walk) -> bool:
    """Return whether the embed leaves out candidates or steps."""
    return len(walk.steps) > SHOWN_STEPS or (not walk.ended and len(walk.candidates) > SHOWN_ROWS)


def candidate_options(walk: Walk) -> list[discord.SelectOption]:
    """Return a menu option for each candidate, with its token id as the value."""
    return [
        discord.SelectOption(
            label=option_label(entry.candidate.token, percentage(entry.candidate.probability)),
            value=str(entry.candidate.token.id),
        )
        for entry in walk.candidates
    ]


def _path_table(record: WalkRecord, walk: Walk) -> str:
    """Return the last steps with their probabilities and "⚄" for sampled tokens; an open walk shows names."""
    rows = []
    for number, (taken, step) in enumerate(zip(record.steps, walk.steps, strict=True), start=1):
        probability = step.likelihood.probability
        figures = (str(number), percentage(probability), bar(probability) if not record.is_open else _name(taken.by))
        mark = "⚄ " if taken.how == "drawn" else ""
        rows.append((*figures, f"{mark}{visible_token(step.token.text)}"))
    header = ("#", "prob.", "by" if record.is_open else "", "token")
    return table(header, rows[-SHOWN_STEPS:], right=(0, 1), columns=PHONE_WIDTH)


def _name(name: str) -> str:
    return cut(visible_token(name), NAME_COLUMNS) if name else "–"


def _joint_text(walk: Walk) -> str:
    log_probability = walk.log_probability
    mean = log_probability / len(walk.steps)
    joint = joint_probability(walk.steps)
    return f"Joint probability **{joint}**, log-probability **{log_probability:.2f}** ({mean:.2f} per step)"


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count:,} steps"
