"""Calibration: dividing the labels' probabilities by what the prompt alone makes the model say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

CalibrationMethod = Literal["none", "contextual", "batch"]
CALIBRATION_METHODS: tuple[CalibrationMethod, ...] = get_args(CalibrationMethod)


@dataclass(frozen=True, slots=True)
class Calibration:
    """How the labels' probabilities are corrected. `prior` has one probability for each label, and is empty for none.

    `contextual`: the prior is the probabilities for texts without content (Zhao et al. 2021, "Calibrate Before Use").
    `batch`: the prior is the mean of the probabilities over texts of the same kind (Zhou et al. 2024, "Batch
    Calibration").
    """

    method: CalibrationMethod = "none"
    prior: tuple[float, ...] = ()

    def apply(self, probabilities: Sequence[float]) -> tuple[float, ...]:
        """Return the corrected probabilities, which add up to 1."""
        if self.method == "none":
            return tuple(probabilities)
        weights = [share / max(prior, 1e-300) for share, prior in zip(probabilities, self.prior, strict=True)]
        return tuple(weight / sum(weights) for weight in weights)


def batch_prior(probabilities: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Return the mean of the labels' probabilities over texts: [texts, labels]. Raises ValueError without texts."""
    if not probabilities:
        raise ValueError("there are no texts to calibrate on")
    return tuple(sum(column) / len(probabilities) for column in zip(*probabilities, strict=True))
