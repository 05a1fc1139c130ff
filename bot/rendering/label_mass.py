"""A sentence on how far the model was answering the question, from the label mass."""

from bot.questions.decision import LEAST_LABEL_MASS
from bot.rendering.tables import percentage

# Shares of the whole vocabulary's probability. Below them, the model is hardly answering the question.
TRUSTED_LABEL_MASS = 0.5
DOUBTFUL_LABEL_MASS = 0.1


def label_mass_text(label_mass: float, labels: int = 2) -> str:
    """Return how reliable a verdict is, from the share of the whole vocabulary that its labels have."""
    count = "two" if labels == 2 else str(labels)
    share = f"The {count} labels have {percentage(label_mass)} of the whole vocabulary's probability"
    if label_mass >= TRUSTED_LABEL_MASS:
        return f"{share}. The model is answering the question."
    if label_mass >= DOUBTFUL_LABEL_MASS:
        return f"{share}. The model is only partly answering the question, so treat this verdict with caution."
    return f"{share}. The model isn't really answering the question, so don't rely on this verdict."


def no_verdict_text(label_mass: float) -> str:
    """Return why there is no verdict."""
    return (
        f"All labels together have {percentage(label_mass)} of the whole vocabulary's probability. Below "
        f"{LEAST_LABEL_MASS:.0%}, the model isn't answering the question, so there is no verdict."
    )
