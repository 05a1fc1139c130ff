"""A verdict as a table, and how far it can be trusted."""

from bot.questions.sentiment import Sentiment
from bot.rendering.tables import bar, percentage, table

# Below these shares of the whole vocabulary the model is hardly answering the question.
TRUSTED_LABEL_MASS = 0.5
DOUBTFUL_LABEL_MASS = 0.1


def label_mass_text(label_mass: float) -> str:
    """Say how far the verdict can be trusted, from the labels' share of the whole vocabulary."""
    share = f"These two words have {percentage(label_mass)} of the whole vocabulary's probability"
    if label_mass >= TRUSTED_LABEL_MASS:
        return f"{share}: the model is answering the question."
    if label_mass >= DOUBTFUL_LABEL_MASS:
        return f"{share}: take the verdict with care."
    return f"{share}: the model would rather say something else, so trust this verdict little."


def sentiment_table(result: Sentiment) -> str:
    """Return each label with its probability between the two and its logit."""
    rows = [
        (
            percentage(result.positive_probability),
            bar(result.positive_probability),
            f"{result.positive_logit:.2f}",
            "·positive",
        ),
        (
            percentage(result.negative_probability),
            bar(result.negative_probability),
            f"{result.negative_logit:.2f}",
            "·negative",
        ),
    ]
    return table(("prob.", "", "logit", "token"), rows, right=(0, 2))
