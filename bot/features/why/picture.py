"""The picture of `/why`: the prompt with each word coloured by its effect."""

from bot.features.why.text import headline, token_names
from bot.questions.why import TokenEvidence
from bot.rendering.pictures.picture import Picture
from bot.rendering.pictures.words import WordEffects, signed_text, words_picture
from bot.rendering.tables import percentage


def why_picture(result: TokenEvidence) -> Picture | None:
    """Draw the prompt's words, coloured by effect. None if no word was left out."""
    if not result.words:
        return None
    token, other = token_names(result)
    chances = f"{token} {percentage(result.token.probability)}, {other} {percentage(result.instead_of.probability)}"
    effects = WordEffects(
        text=result.prompt,
        words=result.words,
        words_together=result.words_together,
        title=chances,
        summary=(f"{headline(result)}: {chances}. The difference of their logits is {signed_text(result.difference)}."),
        above=f"for {token}",
        below=f"for {other}",
        what="prompt",
        affected="difference",
    )
    return words_picture(effects)
