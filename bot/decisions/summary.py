"""What cards, digests and the gate need of a measurement."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """A share of cases, with its 95 % interval (Wilson 1927).

    `weighted` is the share with the cases' weights if they were not drawn evenly; the interval is then approximate.
    """

    count: int
    of: int
    low: float
    high: float
    weighted: float | None = None

    @property
    def value(self) -> float | None:
        """The share, or None without cases."""
        if self.weighted is not None:
            return self.weighted
        return self.count / self.of if self.of else None


@dataclass(frozen=True, slots=True)
class MeasurementSummary:
    """The figures of a question on the cases that were held out, at the threshold that was chosen on the others.

    `flagging` cases have the label that flags. `precision` is the share of flagged cases that have it, `recall` the
    share of cases with it that are flagged, and `base_rate` its share among all cases. `is_weighted` says whether the
    cases were not drawn evenly, and weighted for that.
    """

    held_out: int
    flagging: int
    threshold: float
    right: Share
    precision: Share
    recall: Share
    base_rate: Share
    auc: float | None
    is_weighted: bool = False
