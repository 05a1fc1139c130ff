"""Tables of a walk's candidates and path."""

from bot.questions.topk import Walk
from bot.rendering.escaping import visible_token
from bot.rendering.pictures.candidates import ENDED
from bot.rendering.tables import next_tokens_table, percentage, table


def candidates_table(walk: Walk, columns: int | None = None) -> str:
    """Return the candidates with their probabilities, and those at the walk's temperature if it is not 1."""
    if walk.temperature == 1.0:
        return next_tokens_table(walk.next_tokens, columns)
    rows = [
        (
            str(entry.candidate.rank),
            percentage(entry.candidate.probability),
            percentage(entry.probability_at_temperature),
            visible_token(entry.candidate.token.text),
        )
        for entry in walk.candidates
    ]
    others = max(0.0, 1.0 - sum(entry.probability_at_temperature for entry in walk.candidates))
    rows.append(("", percentage(walk.remainder), percentage(others), "all others"))
    return table(("#", "prob.", "at T", "token"), rows, right=(0, 1, 2), columns=columns)


def path_table(walk: Walk, columns: int | None = None) -> str:
    """Return the steps of a walk with their ranks and probabilities, and the log-probability of the path."""
    rows = [
        (f"{step.likelihood.rank:,}", percentage(step.likelihood.probability), visible_token(step.token.text))
        for step in walk.steps
    ]
    joint = f"log-probability of the path {walk.log_probability:.3f}"
    return f"{table(('rank', 'prob.', 'path'), rows, right=(0, 1), columns=columns)}\n{joint}"


def walk_tables(walk: Walk, columns: int | None = None) -> str:
    """Return the path of a walk, if there is one, and the candidates, if the text has not ended."""
    path = f"{path_table(walk, columns)}\n\n" if walk.steps else ""
    return path + (ENDED if walk.ended else candidates_table(walk, columns))
