"""The tokens of a text with their surprisals, as a table."""

from bot.questions.tokens import Likelihood
from bot.questions.xray import Surprisals
from bot.rendering.escaping import visible_token
from bot.rendering.tables import percentage, table


def surprisals_table(result: Surprisals, columns: int | None = None) -> str:
    """Return each token with its rank, its surprisal in bits and its probability, "–" for the first."""
    rows = []
    for entry in result.tokens:
        likelihood = entry.likelihood
        cells = ("–", "–", "–") if likelihood is None else _likelihood_cells(likelihood)
        rows.append((*cells, visible_token(entry.token.text)))
    return table(("rank", "bits", "prob.", "token"), rows, right=(0, 1, 2), columns=columns)


def _likelihood_cells(likelihood: Likelihood) -> tuple[str, str, str]:
    return f"{likelihood.rank:,}", f"{likelihood.surprisal:.2f}", percentage(likelihood.probability)
