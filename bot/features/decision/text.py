"""Tables of what a model decided, and on what evidence."""

from bot.questions.decision import Decision, DecisionEvidence, DecisionReading
from bot.rendering.escaping import visible_token
from bot.rendering.label_mass import label_mass_text, no_verdict_text
from bot.rendering.tables import bar, percentage, table
from bot.rendering.word_effects import all_words_table

NO_VERDICT = "No verdict"
SUMMED = "A label of several tokens is scored by the sum of their log-probabilities."


def label_name(label: str) -> str:
    """Return a label without the white space around it."""
    return label.strip()


def verdict_name(reading: DecisionReading) -> str:
    """Return the verdict, or that there is none."""
    return NO_VERDICT if reading.verdict is None else label_name(reading.verdict)


def labels_table(decision: Decision, reading: DecisionReading, columns: int | None = None) -> str:
    """Return each label with its probability, and its logit, or its log-probability if a logit is unknown."""
    has_logits = all(score.logit is not None for score in reading.labels)
    rows = [
        (
            percentage(score.probability),
            bar(score.probability),
            f"{score.log_probability if score.logit is None or not has_logits else score.logit:z.2f}",
            _answer_text(label, answer),
        )
        for score, label, answer in zip(reading.labels, decision.labels, decision.answers, strict=True)
    ]
    score_name = "logit" if has_logits else "log p"
    return table(("prob.", "", score_name, "label"), rows, right=(0, 2), columns=columns)


def _answer_text(label: str, answer: str) -> str:
    return visible_token(label) if answer == label else f"{answer}. {visible_token(label)}"


def mass_text(reading: DecisionReading) -> str:
    """Return whether the model was answering the question, and how labels of several tokens are scored."""
    count = len(reading.labels)
    mass = reading.label_mass
    text = no_verdict_text(mass) if reading.verdict is None else label_mass_text(mass, count)
    return f"{text} {SUMMED}" if any(len(score.ids) > 1 for score in reading.labels) else text


def words_table(evidence: DecisionEvidence, columns: int | None = None) -> str:
    """Return each word in order, with its effect on the margin of the label."""
    name = label_name(evidence.label)
    return all_words_table(
        evidence.words,
        evidence.words_together,
        f"above 0 counts for {name}, below 0 against it",
        evidence.reading.margin_of(evidence.label),
        f"margin of {name}",
        columns,
    )


def calibration_table(evidence: DecisionEvidence, columns: int | None = None) -> str:
    """Return the probability of each label: raw, calibrated, and for texts without content."""
    calibration = evidence.calibration
    rows = [
        (percentage(score.probability), percentage(calibrated), percentage(content_free), visible_token(score.label))
        for score, calibrated, content_free in zip(
            evidence.reading.labels, calibration.probabilities, calibration.content_free, strict=True
        )
    ]
    return table(("raw", "calibr.", "empty", "label"), rows, right=(0, 1, 2), columns=columns)
