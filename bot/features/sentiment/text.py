"""Tables of a verdict and its evidence."""

from bot.questions.sentiment import Sentiment, SentimentEvidence
from bot.rendering.tables import bar, percentage, table
from bot.rendering.word_effects import all_words_table


def words_table(result: SentimentEvidence, columns: int | None = None) -> str:
    """Return each word in order, with its effect on the margin between the labels."""
    return all_words_table(
        result.words,
        result.words_together,
        "above 0 counts for positive, below 0 for negative",
        result.margin,
        "margin of the whole review",
        columns,
    )


def calibration_table(result: SentimentEvidence) -> str:
    """Return the raw and the calibrated verdict, and the bias of the prompt that calibration removes."""
    raw, calibrated = result.sentiment, result.calibration
    rows = [
        (percentage(raw.positive_probability), raw.label, "raw (the verdict)"),
        (percentage(calibrated.positive_probability), calibrated.label, "calibrated"),
        (percentage(calibrated.content_free_positive), "", "reviews without content"),
    ]
    return table(("P(positive)", "label", ""), rows, right=(0,))


def sentiment_table(result: Sentiment) -> str:
    """Return each label with its probability and its logit, or its log-probability if the logit is unknown."""
    positive, negative = result.scores
    rows = [
        (percentage(share), bar(share), f"{score:z.2f}", token)
        for share, score, token in (
            (result.positive_probability, positive, "·positive"),
            (result.negative_probability, negative, "·negative"),
        )
    ]
    score_name = "log p" if result.positive_logit is None else "logit"
    return table(("prob.", "", score_name, "token"), rows, right=(0, 2))
