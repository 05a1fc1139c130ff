"""Several continuations of one prompt as an embed, with their figures."""

import discord

from bot.answers.answer import BLURPLE, Answer, footer
from bot.questions.comparison import ComparedText, Comparison
from bot.questions.language_model import RunInfo
from bot.rendering.prose import bold_excerpt, prompt_excerpt

TEXT_LIMIT = 600  # characters of each continuation, escaped
_SAME = 1e-4  # a smaller difference between search score and mean is only rounding

EXPLANATION = (
    "*log-probability: the model's own, without sampling or penalty; closer to 0 means more probable. "
    "distinct: different tokens as a share of all new tokens. The picture shows the beam search without penalty.*"
)


def comparison_answer(result: Comparison, run: RunInfo) -> Answer:
    """Show each continuation with its log-probability, length and share of distinct tokens."""
    embed = discord.Embed(
        title="Comparison",
        description=f"{prompt_excerpt(result.prompt).text} **▁**\n{EXPLANATION}",
        colour=BLURPLE,
    )
    best = max(result.texts, key=lambda text: text.log_probability)
    for text in result.texts:
        mark = " · most probable" if text is best and len(result.texts) > 1 else ""
        written = bold_excerpt(text.continuation.text, TEXT_LIMIT).text.strip() or "*(no text)*"
        embed.add_field(name=f"{text.name}{mark}", value=f"{written}\n{figures_text(text)}", inline=False)
    embed.set_footer(text=footer(run))
    return Answer(embed)


def figures_text(text: ComparedText) -> str:
    """Return a text's log-probability, length and distinct share, and its search score if that differs."""
    count = len(text.continuation.output_ids)
    tokens = "1 token" if count == 1 else f"{count} tokens"
    ended = ", including the end of text" if text.continuation.finish_reason == "stop" else ""
    seed = text.continuation.parameters.seed
    parts = [
        f"log-probability **{text.log_probability:.2f}** ({text.mean_log_probability:.3f} per token)",
        f"**{tokens}**{ended}",
        f"**{text.distinct_share:.0%}** distinct",
    ]
    if seed is not None:
        parts.append(f"`seed={seed}`")
    if has_other_score(text):
        parts.append(f"search score **{text.search_score:.3f}** (per token, with the penalty; the search maximises it)")
    return " · ".join(parts)


def has_other_score(text: ComparedText) -> bool:
    """Return whether the search ranked a text by a figure other than its mean log-probability."""
    return text.search_score is not None and abs(text.search_score - text.mean_log_probability) > _SAME
