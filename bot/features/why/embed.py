"""Why one token leads another, as an embed: both tokens, and the words with the strongest effect."""

import discord

from bot.answers.answer import BLURPLE, Answer, footer
from bot.features.why.text import NOT_A_CAUSE, TOO_FEW_WORDS, headline, token_names, tokens_table
from bot.questions.language_model import RunInfo
from bot.questions.why import TokenEvidence
from bot.rendering.escaping import code_block, escape_prose
from bot.rendering.prose import prompt_excerpt
from bot.rendering.tables import PHONE_WIDTH
from bot.rendering.word_effects import effect_text, strongest_words_table

PROMPT_LIMIT = 150  # characters, escaped; the picture shows the whole prompt


def why_answer(result: TokenEvidence, run: RunInfo) -> Answer:
    """Show both tokens with their probabilities, the difference of the logits, and the words with strong effects."""
    shown = code_block(tokens_table(result, PHONE_WIDTH))
    embed = discord.Embed(
        title=escape_prose(headline(result)),
        description=f"{prompt_excerpt(result.prompt, PROMPT_LIMIT).text} **▁**\n{shown}",
        colour=BLURPLE,
    )
    embed.add_field(name="Effect of each word on the difference", value=_effects(result), inline=False)
    embed.set_footer(text=footer(run))
    return Answer(embed)


def _effects(result: TokenEvidence) -> str:
    if not result.words:
        return TOO_FEW_WORDS
    token, other = map(escape_prose, token_names(result))
    text = effect_text("difference", f"for {token}", f"for {other}", result.words_together, "prompt")
    return f"{code_block(strongest_words_table(result.words))}\n{text} {NOT_A_CAUSE}"
