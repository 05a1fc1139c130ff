"""The picture of a sentiment verdict's evidence."""

from bot.questions.sentiment import SentimentEvidence
from bot.rendering.pictures.picture import Picture
from bot.rendering.pictures.words import WordEffects, signed_text, words_picture
from bot.rendering.tables import percentage


def evidence_picture(evidence: SentimentEvidence) -> Picture:
    """Draw the review's words, coloured by effect, and P(positive) raw and calibrated."""
    sentiment, calibration = evidence.sentiment, evidence.calibration
    raw, calibrated = percentage(sentiment.positive_probability), percentage(calibration.positive_probability)
    effects = WordEffects(
        text=sentiment.review,
        words=evidence.words,
        words_together=evidence.words_together,
        title=f"P(positive) {raw}, calibrated {calibrated}",
        summary=(
            f"Evidence for a verdict: {sentiment.label}, P(positive) {raw}; calibrated: {calibration.label}, "
            f"{calibrated}. The margin is {signed_text(evidence.margin)} logits, the label mass "
            f"{percentage(sentiment.label_mass)}."
        ),
        above="for positive",
        below="for negative",
        what="review",
    )
    return words_picture(effects)
