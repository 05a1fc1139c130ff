"""A verdict and its evidence as tables, and how far the verdict can be trusted."""

from bot.questions.sentiment import Sentiment, SentimentEvidence
from bot.rendering.escaping import visible_token
from bot.rendering.tables import bar, percentage, table

# Below these shares of the whole vocabulary the model is hardly answering the question.
TRUSTED_LABEL_MASS = 0.5
DOUBTFUL_LABEL_MASS = 0.1


def words_table(result: SentimentEvidence) -> str:
    """Return each word of a review, in its order, with what leaving it out takes from the margin between the labels."""
    rows = [(f"{one.effect:+.2f}", visible_token(one.text)) for one in result.words]
    together = "" if result.words_together == 1 else f" ({result.words_together} words at a time)"
    header = ("effect", f"left out{together}: above 0 it speaks for positive, below for negative")
    return table(header, [*rows, (f"{result.margin:+.2f}", "margin of the whole review")], right=(0,))


def calibration_table(result: SentimentEvidence) -> str:
    """Return the raw verdict, the calibrated one, and the leaning of the question alone that calibration takes out."""
    raw, calibrated = result.sentiment, result.calibration
    rows = [
        (percentage(raw.positive_probability), raw.label, "raw, the verdict"),
        (percentage(calibrated.positive_probability), calibrated.label, "calibrated"),
        (percentage(calibrated.content_free_positive), "", "reviews that say nothing"),
    ]
    return table(("P(positive)", "label", ""), rows, right=(0,))


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
