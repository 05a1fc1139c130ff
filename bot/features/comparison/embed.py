"""Several continuations of one prompt as an embed, side by side with their figures."""

import discord

from bot.answers.answer import BLURPLE, Answer, footer
from bot.questions.comparison import ComparedText, Comparison
from bot.questions.language_model import RunInfo
from bot.rendering.prose import bold_excerpt, prompt_excerpt

TEXT_LIMIT = 600  # characters of each continuation, escaped
_SAME = 1e-4  # a search score that is this near to the mean is the mean, computed in another order

EXPLANATION = (
    "*log-probability: of the text itself, by the model without sampling or penalty; the nearer to 0, the likelier. "
    "distinct: different tokens among the new ones. The tree is the plain beam search's.*"
)


def comparison_answer(result: Comparison, run: RunInfo) -> Answer:
    """Show each continuation with its log-probability, its length and its share of distinct tokens."""
    embed = discord.Embed(
        title="Comparison",
        description=f"{prompt_excerpt(result.prompt).text} **▁**\n{EXPLANATION}",
        colour=BLURPLE,
    )
    best = max(result.texts, key=lambda one: one.log_probability)
    for one in result.texts:
        mark = " · likeliest" if one is best and len(result.texts) > 1 else ""
        written = bold_excerpt(one.continuation.text, TEXT_LIMIT).text.strip() or "*(no text)*"
        embed.add_field(name=f"{one.name}{mark}", value=f"{written}\n{figures_text(one)}", inline=False)
    embed.set_footer(text=footer(run))
    return Answer(embed)


def figures_text(one: ComparedText) -> str:
    """Return how probable a text is, how long and how varied, and what the search ranked it by where that differs."""
    count = len(one.continuation.output_ids)
    tokens = "1 token" if count == 1 else f"{count} tokens"
    ended = ", the end among them" if one.continuation.finish_reason == "stop" else ""
    seed = one.continuation.parameters.seed
    parts = [
        f"log-probability **{one.log_probability:.2f}** ({one.mean_log_probability:.3f} per token)",
        f"**{tokens}**{ended}",
        f"**{one.distinct_share:.0%}** distinct",
    ]
    if seed is not None:
        parts.append(f"`seed={seed}`")
    if has_other_score(one):
        parts.append(f"search score **{one.search_score:.3f}** (per token, after the penalty: what the search went by)")
    return " · ".join(parts)


def has_other_score(one: ComparedText) -> bool:
    """Return whether the search ranked a text by another figure than its mean log-probability."""
    return one.search_score is not None and abs(one.search_score - one.mean_log_probability) > _SAME
