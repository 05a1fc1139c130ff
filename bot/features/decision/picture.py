"""The picture of a decision's evidence."""

from bot.features.decision.text import label_name, verdict_name
from bot.questions.decision import DecisionEvidence
from bot.rendering.escaping import isolated
from bot.rendering.pictures.picture import Picture
from bot.rendering.pictures.words import WordEffects, signed_text, words_picture
from bot.rendering.prose import visible_excerpt
from bot.rendering.tables import percentage

NAME_LIMIT = 20  # characters of a label


def evidence_picture(text: str, evidence: DecisionEvidence) -> Picture:
    """Draw the words of `text`, coloured by effect, and the label's probability raw and calibrated."""
    reading, name = evidence.reading, isolated(visible_excerpt(label_name(evidence.label), NAME_LIMIT))
    verdict = isolated(visible_excerpt(verdict_name(reading), NAME_LIMIT))
    number = [score.label for score in reading.labels].index(evidence.label)
    raw = percentage(reading.labels[number].probability)
    calibrated = percentage(evidence.calibration.probabilities[number])
    effects = WordEffects(
        text=text,
        words=evidence.words,
        words_together=evidence.words_together,
        title=f"P({name}) {raw}, calibrated {calibrated}",
        summary=(
            f"Evidence for a decision: {verdict}, P({name}) {raw}, calibrated {calibrated}. "
            f"The margin of {name} is {signed_text(reading.margin_of(evidence.label))}, the label mass "
            f"{percentage(reading.label_mass)}."
        ),
        above=f"for {name}",
        below=f"against {name}",
    )
    return words_picture(effects)
