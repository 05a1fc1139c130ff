"""What a beam search does at each step, which transformers' `generate` does not return."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from transformers import LogitsProcessor

from bot.inference.comparison import BeamCandidate, BeamStep, BeamTree, Fate
from bot.inference.text_codec import TextCodec

_NOT_RUNNING = -1e9  # with which transformers' rows beyond the first begin


@dataclass(slots=True)
class _Candidate:
    parent: int
    id: int
    log_probability: float
    score: float
    row: int | None = None  # in which it runs on, known with the next step


class BeamRecorder(LogitsProcessor):
    """Stands last among the processors of one beam search and takes down its steps; it changes nothing.

    It sees the beams that run and their scores, from which it finds the search's candidates by the same operations
    (transformers' `_beam_search`); which of them were kept, it sees in the next step.
    """

    def __init__(self, num_beams: int, end_ids: Collection[int]) -> None:
        self._num_beams = num_beams
        self._end_ids = end_ids
        self._steps: list[list[_Candidate]] = []
        self._running: list[list[int]] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Take down one step: `scores` are the log-probabilities [beams, vocabulary] after `input_ids`."""
        running = input_ids.tolist()
        totals = [0.0] + [_NOT_RUNNING] * (len(running) - 1)
        if self._steps:
            found = {(*self._running[one.parent], one.id): one for one in self._steps[-1]}
            for row, ids in enumerate(running):
                found[tuple(ids)].row = row
                totals[row] = found[tuple(ids)].score
        self._running = running
        accumulated = scores.float() + torch.tensor(totals, device=scores.device)[:, None]
        best = accumulated.flatten().topk(max(2, 1 + len(self._end_ids)) * self._num_beams)
        self._steps.append(
            [
                _Candidate(place // scores.shape[1], place % scores.shape[1], 0.0, score)
                for score, place in zip(best.values.tolist(), best.indices.tolist(), strict=True)
            ]
        )
        for one in self._steps[-1]:
            one.log_probability = scores[one.parent, one.id].item()
        return scores

    def score(self, output_ids: Sequence[int]) -> float:
        """Return what the search ranked `output_ids` by: transformers' `sequences_scores`, length_penalty being 1."""
        last = self._steps[len(output_ids) - 1][self._path(output_ids)[-1]]
        return last.score / len(output_ids)

    def tree(self, output_ids: Sequence[int], max_new_tokens: int, codec: TextCodec) -> BeamTree:
        """Return all steps, with the path to the search's result `output_ids`."""
        steps = [
            BeamStep(
                tuple(
                    BeamCandidate(
                        one.parent,
                        codec.token(one.id),
                        one.log_probability,
                        one.score,
                        self._fate(one, place, is_last=number == max_new_tokens),
                        one.row,
                    )
                    for place, one in enumerate(candidates)
                )
            )
            for number, candidates in enumerate(self._steps, start=1)
        ]
        return BeamTree(self._num_beams, tuple(steps), tuple(self._path(output_ids)))

    def _fate(self, candidate: _Candidate, place: int, *, is_last: bool) -> Fate:
        if candidate.row is not None:
            return "kept"
        ended = is_last or candidate.id in self._end_ids
        return "finished" if ended and place < self._num_beams else "pruned"

    def _path(self, output_ids: Sequence[int]) -> list[int]:
        """Return the index in each step of the candidate that leads to `output_ids`."""
        path: list[int] = []
        row: int | None = 0
        for id_, candidates in zip(output_ids, self._steps, strict=False):
            place = next(n for n, one in enumerate(candidates) if (one.parent, one.id) == (row, id_))
            path.append(place)
            row = candidates[place].row
        return path
