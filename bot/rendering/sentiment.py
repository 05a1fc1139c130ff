"""A sentiment verdict as an embed, with the evidence for it."""

import discord

from bot.questions.sentiment import Sentiment
from bot.rendering.answer import GREEN, RED, Answer, Computed, footer
from bot.rendering.escaping import code_block
from bot.rendering.prose import quote_excerpt
from bot.rendering.tables import percentage, sentiment_table

REVIEW_LIMIT = 1000  # characters, escaped
# Below these shares of the whole vocabulary the model is hardly answering the question.
TRUSTED_LABEL_MASS = 0.5
DOUBTFUL_LABEL_MASS = 0.1


def sentiment_answer(result: Sentiment, computed: Computed) -> Answer:
    """Show the verdict in its colour, both logits, the probability between the two, and the label mass."""
    quoted = quote_excerpt(result.review.strip(), REVIEW_LIMIT).text
    embed = discord.Embed(title=result.label, description=quoted, colour=GREEN if result.label == "Positive" else RED)
    embed.add_field(name="Between the two", value=code_block(sentiment_table(result)), inline=False)
    embed.add_field(name="Label mass", value=label_mass_text(result.label_mass), inline=False)
    embed.set_footer(text=footer(computed))
    return Answer(embed)


def label_mass_text(label_mass: float) -> str:
    """Say how far the verdict can be trusted, from the labels' share of the whole vocabulary."""
    share = f"These two words have {percentage(label_mass)} of the whole vocabulary's probability"
    if label_mass >= TRUSTED_LABEL_MASS:
        return f"{share}: the model is answering the question."
    if label_mass >= DOUBTFUL_LABEL_MASS:
        return f"{share}: take the verdict with care."
    return f"{share}: the model would rather say something else, so trust this verdict little."
