"""The record of a beam search: the candidates of each step, and the tree that they form."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.engine.tokenizer import TextCodec
from bot.questions.comparison import BeamCandidate, BeamStep, BeamTree, Fate


def candidate_count(num_beams: int, end_ids: Collection[int]) -> int:
    """Return how many candidates transformers' beam search considers at each step."""
    return max(2, 1 + len(end_ids)) * num_beams


@dataclass(slots=True)
class Candidate:
    """A beam extended by one token. `parent` is the row of that beam, and `row` is its own in the next step, if any.

    `log_probability` is the token's, and `score` is the sum for all new tokens so far.
    """

    parent: int
    id: int
    log_probability: float
    score: float
    row: int | None = None


class BeamRecord:
    """The candidates of each step, best first."""

    def __init__(self, num_beams: int, end_ids: Collection[int]) -> None:
        self.steps: list[list[Candidate]] = []
        self._num_beams = num_beams
        self._end_ids = end_ids

    def score(self, output_ids: Sequence[int]) -> float:
        """Return the search's score of `output_ids`: transformers' `sequences_scores` with a length_penalty of 1."""
        last = self.steps[len(output_ids) - 1][self._path(output_ids)[-1]]
        return last.score / len(output_ids)

    def tree(self, output_ids: Sequence[int], max_new_tokens: int, codec: TextCodec) -> BeamTree:
        """Return all steps, with the path to the result `output_ids`."""
        steps = [
            BeamStep(
                tuple(
                    BeamCandidate(
                        candidate.parent,
                        codec.token(candidate.id),
                        candidate.log_probability,
                        candidate.score,
                        self._fate(candidate, index, is_last=number == max_new_tokens),
                        candidate.row,
                    )
                    for index, candidate in enumerate(candidates)
                )
            )
            for number, candidates in enumerate(self.steps, start=1)
        ]
        return BeamTree(self._num_beams, tuple(steps), tuple(self._path(output_ids)))

    def _fate(self, candidate: Candidate, index: int, *, is_last: bool) -> Fate:
        if candidate.row is not None:
            return "kept"
        ended = is_last or candidate.id in self._end_ids
        return "finished" if ended and index < self._num_beams else "pruned"

    def _path(self, output_ids: Sequence[int]) -> list[int]:
        """Return the index of the candidate that leads to `output_ids`, for each step."""
        path: list[int] = []
        row: int | None = 0
        for id_, candidates in zip(output_ids, self.steps, strict=False):
            index = next(n for n, candidate in enumerate(candidates) if (candidate.parent, candidate.id) == (row, id_))
            path.append(index)
            row = candidates[index].row
        return path
