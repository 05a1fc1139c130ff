"""What `/why` says in both places: its headline, the two tokens as a table, and what an effect is not."""

from bot.questions.why import TokenEvidence
from bot.rendering.escaping import visible_token
from bot.rendering.pictures.flow import quoted_token
from bot.rendering.tables import percentage, table
from bot.rendering.word_effects import all_words_table

NOT_A_CAUSE = "An effect is not a cause: without the word, the prompt is another text."
TOO_FEW_WORDS = (
    "No word was left out: the prompt can't be empty, so it needs at least two words. Words end at white space."
)


def token_names(result: TokenEvidence) -> tuple[str, str]:
    """Return both tokens in quotation marks, the explained one first, without markdown escapes."""
    return quoted_token(result.token.token.text), quoted_token(result.instead_of.token.text)


def headline(result: TokenEvidence) -> str:
    """Return what is explained, such as ``Why “·on” and not “·at”``, without markdown escapes."""
    token, other = token_names(result)
    return f"Why not {token} but {other}" if result.difference < 0 else f"Why {token} and not {other}"


def words_table(result: TokenEvidence, columns: int | None = None) -> str:
    """Return each word in order with its effect on the difference."""
    token, other = (visible_token(entry.token.text) for entry in (result.token, result.instead_of))
    meaning = f"above 0 counts for {token}, below 0 for {other}"
    return all_words_table(result.words, result.words_together, meaning, result.difference, "difference", columns)


def tokens_table(result: TokenEvidence, columns: int | None = None) -> str:
    """Return both tokens with rank, probability and logit (or log-probability), and the difference in a last row."""
    entries = (result.token, result.instead_of)
    has_logits = all(entry.logit is not None for entry in entries)
    rows = [
        (
            f"{entry.rank:,}",
            percentage(entry.probability),
            f"{entry.log_probability if entry.logit is None or not has_logits else entry.logit:z.2f}",
            visible_token(entry.token.text),
        )
        for entry in entries
    ]
    rows.append(("", "", f"{result.difference:+.2f}", "difference"))
    return table(("#", "prob.", "logit" if has_logits else "log p", "token"), rows, right=(0, 1, 2), columns=columns)
