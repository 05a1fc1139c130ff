"""A sentiment verdict as an embed, and the evidence for it."""

import discord

from bot.answers.answer import GREEN, RED, Answer, footer
from bot.features.sentiment.text import sentiment_table
from bot.questions.language_model import RunInfo
from bot.questions.sentiment import Sentiment, SentimentEvidence
from bot.rendering.escaping import code_block
from bot.rendering.label_mass import TRUSTED_LABEL_MASS, label_mass_text
from bot.rendering.prose import quote_excerpt
from bot.rendering.tables import percentage
from bot.rendering.word_effects import effect_text, strongest_words_table

REVIEW_LIMIT = 1000  # characters, escaped
EXPLAINED_REVIEW_LIMIT = 150  # characters, escaped; the picture shows more


def sentiment_answer(result: Sentiment, run: RunInfo) -> Answer:
    """Show the verdict, both logits, both probabilities and the label mass."""
    quoted = quote_excerpt(result.review.strip(), REVIEW_LIMIT).text
    embed = discord.Embed(title=result.label, description=quoted, colour=GREEN if result.label == "Positive" else RED)
    embed.add_field(name="Positive or negative", value=code_block(sentiment_table(result)), inline=False)
    embed.add_field(name="Label mass", value=label_mass_text(result.label_mass), inline=False)
    embed.set_footer(text=footer(run))
    return Answer(embed)


def evidence_answer(result: SentimentEvidence, run: RunInfo) -> Answer:
    """Show the words with the strongest effect, the raw and the calibrated verdict, and the label mass if it is low."""
    verdict = result.sentiment
    embed = discord.Embed(
        title=f"Why {verdict.label}",
        description=quote_excerpt(verdict.review.strip(), EXPLAINED_REVIEW_LIMIT).text,
        colour=GREEN if verdict.label == "Positive" else RED,
    )
    embed.add_field(
        name=f"Effect of each word on the margin of {result.margin:+.2f}",
        value=f"{code_block(strongest_words_table(result.words))}\n{_reading(result)}",
        inline=False,
    )
    embed.add_field(name="Raw and calibrated", value=calibration_text(result), inline=False)
    if verdict.label_mass < TRUSTED_LABEL_MASS:  # otherwise the verdict's own answer is enough
        embed.add_field(name="⚠ Label mass is low", value=label_mass_text(verdict.label_mass), inline=False)
    embed.set_footer(text=footer(run))
    return Answer(embed)


def calibration_text(result: SentimentEvidence) -> str:
    """Return the raw verdict, which counts, and the verdict after the prompt's own bias is removed."""
    raw, calibrated = result.sentiment, result.calibration
    same = "the same verdict" if calibrated.label == raw.label else "the opposite verdict"
    return (
        f"Raw (this is the verdict): **{raw.label}**, {percentage(raw.positive_probability)} positive.\n"
        f"Calibrated: **{calibrated.label}**, {percentage(calibrated.positive_probability)} positive, {same}.\n"
        f"Reviews without content score {percentage(calibrated.content_free_positive)} positive. "
        "Calibration removes this bias."
    )


def _reading(result: SentimentEvidence) -> str:
    return effect_text("margin", "for positive", "for negative", result.words_together, "review")
