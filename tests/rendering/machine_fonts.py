"""What pictures remember about the fonts of the machine."""

from bot.rendering.pictures import emoji, fonts


def forget_fonts() -> None:
    """Look for the machine's fonts again."""
    for cached in (fonts._other_families, emoji._font, emoji.is_in_colour, emoji.draw_emoji):
        cached.cache_clear()
