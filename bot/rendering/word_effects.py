"""The effects of left-out words, as tables and as a sentence."""

from collections.abc import Sequence

from bot.questions.evidence import WordEvidence
from bot.rendering.escaping import visible_token
from bot.rendering.tables import PHONE_WIDTH, table

SHOWN_WORDS = 8


def strongest_words_table(words: Sequence[WordEvidence]) -> str:
    """Return the `SHOWN_WORDS` words with the strongest effect, as a table for an embed."""
    strongest = sorted(words, key=lambda word: -abs(word.effect))[:SHOWN_WORDS]
    # A word can have any number of marks without a width of their own, so the width alone doesn't limit its length.
    rows = [(_figure(word.effect), visible_token(word.text[:PHONE_WIDTH])) for word in strongest]
    return table(("effect", "word"), rows, right=(0,), columns=PHONE_WIDTH)


def all_words_table(
    words: Sequence[WordEvidence],
    words_together: int,
    meaning: str,
    whole: float,
    whole_name: str,
    columns: int | None = None,
) -> str:
    """Return each word in order with its effect, as a table.

    `meaning` says what the signs mean, if the table has room for it. The last row has the margin of the `whole` text
    with its name.
    """
    left_out = "word left out" if words_together == 1 else f"{words_together} words left out at a time"
    name = f"{left_out} ({meaning})" if columns is None else left_out
    rows = [(_figure(word.effect), visible_token(word.text[:columns])) for word in words]
    return table(("effect", name), [*rows, (_figure(whole), whole_name)], right=(0,), columns=columns)


def effect_text(margin: str, above: str, below: str, words_together: int, what: str = "text") -> str:
    """Return what an effect on the `margin` of a text is, what its sign counts for, and whether words are grouped."""
    text = f"The effect is how far the {margin} falls without the word. Above 0 counts {above}, below 0 {below}."
    if words_together == 1:
        return text
    return f"{text} This {what} is long, so {words_together} adjacent words are left out at a time."


def _figure(effect: float) -> str:
    return f"{effect:+.2f}"
