"""What a model decided as an embed, the evidence for it, and the whole question."""

import discord

from bot.answers.answer import AMBER, BLURPLE, Answer, Attachment, footer
from bot.decisions.definition import toml_of
from bot.features.decision.text import calibration_table, label_name, labels_table, mass_text, verdict_name
from bot.questions.decision import Decision, DecisionEvidence, DecisionReading, Example
from bot.questions.language_model import RunInfo
from bot.rendering.escaping import code_block, visible_token
from bot.rendering.label_mass import TRUSTED_LABEL_MASS
from bot.rendering.prose import bold_excerpt, plain_excerpt, quote_excerpt, visible_excerpt
from bot.rendering.tables import PHONE_WIDTH
from bot.rendering.word_effects import effect_text, strongest_words_table

TEXT_LIMIT = 1000  # characters, escaped
EXPLAINED_TEXT_LIMIT = 150  # characters, escaped; the picture shows more
QUESTION_LIMIT = 300  # characters, escaped
TITLE_LIMIT = 200
LABEL_LIMIT = 60
EXAMPLE_LIMIT = 200
QUESTION_FILE = "question.toml"
_TYPES = {
    "template": "The text is put into this prompt, and the labels are scored as its continuation.",
    "noul": "The model is asked through its chat template to answer Yes or No.",
    "choice": "The model is asked through its chat template for the letter of the option that fits best.",
    "score": "The model is asked through its chat template for the letter of the level that fits best.",
}


def decision_answer(decision: Decision, text: str, result: DecisionReading, run: RunInfo) -> Answer:
    """Show the verdict, the question and the text, each label's scores, and the label mass."""
    embed = discord.Embed(
        title=visible_excerpt(verdict_name(result), TITLE_LIMIT),
        description=quote_excerpt(text.strip(), TEXT_LIMIT).text,
        colour=AMBER if result.verdict is None else BLURPLE,
    )
    asked = code_block(visible_excerpt(decision.question, QUESTION_LIMIT))
    embed.add_field(name=_question_name(decision), value=asked, inline=False)
    table_of_labels = code_block(labels_table(decision, result, PHONE_WIDTH))
    embed.add_field(name="Labels", value=table_of_labels, inline=False)
    embed.add_field(name="Label mass", value=mass_text(result), inline=False)
    embed.set_footer(text=footer(run))
    return Answer(embed)


def evidence_answer(text: str, result: DecisionEvidence, run: RunInfo) -> Answer:
    """Show the words with the strongest effect, raw and calibrated probabilities, and the label mass if it is low."""
    reading, name = result.reading, visible_excerpt(label_name(result.label), LABEL_LIMIT)
    embed = discord.Embed(
        title=f"Why {name} leads (no verdict)" if reading.verdict is None else f"Why {name}",
        description=quote_excerpt(text.strip(), EXPLAINED_TEXT_LIMIT).text,
        colour=AMBER if reading.verdict is None else BLURPLE,
    )
    embed.add_field(
        name=f"Effect of each word on the margin of {name}, {reading.margin_of(result.label):+.2f}",
        value=f"{code_block(strongest_words_table(result.words))}\n{_reading(result)}",
        inline=False,
    )
    calibrated = bold_excerpt(label_name(result.calibrated_label), LABEL_LIMIT).text
    explained = f"“empty” is for texts without content. Without this bias, the most probable label is {calibrated}."
    embed.add_field(
        name="Raw and calibrated",
        value=f"{code_block(calibration_table(result, PHONE_WIDTH))}\n{explained}",
        inline=False,
    )
    if reading.label_mass < TRUSTED_LABEL_MASS:  # otherwise the decision's own answer is enough
        embed.add_field(name="⚠ Label mass is low", value=mass_text(reading), inline=False)
    embed.set_footer(text=footer(run))
    return Answer(embed)


def question_answer(decision: Decision) -> Answer:
    """Show the whole question: the prompt or instructions, the labels and the examples, and attach it as a file."""
    embed = discord.Embed(title="The question", description=_TYPES[decision.type], colour=BLURPLE)
    shown = visible_excerpt(decision.question, 900)
    embed.add_field(name="Prompt" if decision.type == "template" else "Question", value=code_block(shown), inline=False)
    labels = [visible_token(label) for label in decision.labels]
    embed.add_field(name="Labels", value=code_block(visible_excerpt("\n".join(labels), 900)), inline=False)
    if decision.examples:
        lines = [_example_line(example) for example in decision.examples]
        count = len(decision.examples)
        name = f"{count} examples, shown to the model before the text" if count > 1 else "1 example"
        embed.add_field(name=name, value=_within(lines, 1024), inline=False)
    embed.set_footer(text=f"{QUESTION_FILE} has all of it: nightword decide --preset {QUESTION_FILE} TEXT")
    content = toml_of(decision, title="A question", description="From /decide", flags=decision.labels[0])
    return Answer(embed, (Attachment(QUESTION_FILE, content, "The question with its labels and examples"),))


def _question_name(decision: Decision) -> str:
    count = len(decision.examples)
    return "Question" if not count else f"Question, after {count} example{'s' if count > 1 else ''}"


def _example_line(example: Example) -> str:
    label = bold_excerpt(label_name(example.label), LABEL_LIMIT).text
    return f"{label}: {plain_excerpt(example.text, EXAMPLE_LIMIT).text}"


def _reading(result: DecisionEvidence) -> str:
    name = bold_excerpt(label_name(result.label), LABEL_LIMIT).text
    return effect_text("margin", f"for {name}", "against it", result.words_together)


def _within(lines: list[str], limit: int) -> str:
    while len(shown := "\n".join(lines)) > limit:
        lines = [*lines[:-2], "…"]
    return shown
