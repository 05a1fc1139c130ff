"""Beam search over an engine's distributions, with the ids and scores of transformers' `generate`.

The steps are those of transformers' `_beam_search` (5.23) with early_stopping False and a length_penalty of 1, in
float32. (vLLM's own beam search ignores the repetition penalty and ranks finished beams differently.)
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from bot.engine.beam_record import BeamRecord, Candidate, candidate_count
from bot.engine.primitives import Search, Steps, repeating_ids
from bot.engine.tokenizer import TextCodec
from bot.errors import RequestCancelled
from bot.questions.generation import GenerationParameters

_NOTHING = np.float32(-1e9)  # transformers' score of a place without a beam
SPARE = 16  # more tokens than candidates at first, because a penalty or a repeated n-gram changes their order

# Returns the log-probabilities of the most probable tokens after each text, at least as many as asked for.
TopOf = Callable[[Sequence[list[int]], int], list[dict[int, float]]]


@dataclass(frozen=True, slots=True)
class _Beam:
    """The new ids of a beam, and the sum of their log-probabilities after the penalty."""

    ids: list[int]
    score: np.float32


@dataclass(frozen=True, slots=True)
class _Finished:
    ids: list[int]
    score: np.float32  # divided by the number of ids


def search_beams(
    top_of: TopOf,
    input_ids: Sequence[int],
    parameters: GenerationParameters,
    steps: Steps,
    written: Sequence[int],
    *,
    codec: TextCodec,
    vocab_size: int,
    with_tree: bool,
) -> Search:
    """Run a beam search after `input_ids` and `written`, whose ids begin with `written`. Raises RequestCancelled."""
    rest = parameters.with_max_new_tokens(parameters.max_new_tokens - len(written))
    search = BeamSearch(top_of, [*input_ids, *written], rest, codec.end_ids, vocab_size)
    new_ids = search.run(_AfterWritten(steps, written))
    output_ids = [*written, *new_ids]
    if not with_tree:
        return Search(output_ids)
    tree = search.record.tree(new_ids, rest.max_new_tokens, codec)
    return Search(output_ids, search.record.score(new_ids), tree)


class _AfterWritten:
    """Shows `steps` the ids that were written before, then the new ones."""

    def __init__(self, steps: Steps, written: Sequence[int]) -> None:
        self._steps = steps
        self._written = written

    def is_cancelled(self) -> bool:
        return self._steps.is_cancelled()

    def is_enough(self, output_ids: list[int]) -> bool:
        return self._steps.is_enough([*self._written, *output_ids])


class BeamSearch:
    """One beam search after `input_ids`. `record` has its candidates."""

    def __init__(
        self,
        top_of: TopOf,
        input_ids: list[int],
        parameters: GenerationParameters,
        end_ids: Collection[int],
        vocab_size: int,
    ) -> None:
        self._top_of = top_of
        self._input_ids = input_ids
        self._num_beams = parameters.num_beams or 1
        self._penalty = np.float32(parameters.repetition_penalty)
        self._ngram_size = parameters.no_repeat_ngram_size or 0
        self._max_new_tokens = parameters.max_new_tokens
        self._end_ids = end_ids
        self._vocab_size = vocab_size
        self._count = candidate_count(self._num_beams, end_ids)
        self.record = BeamRecord(self._num_beams, end_ids)

    def run(self, steps: Steps) -> list[int]:
        """Return the new ids of the best beam, up to and including its end of text. Raises RequestCancelled."""
        running = [_Beam([], np.float32(0))]
        finished: list[_Finished] = []
        can_improve = True
        for length in range(1, self._max_new_tokens + 1):
            candidates = self._candidates(running)
            self.record.steps.append(candidates)
            texts = [[*running[candidate.parent].ids, candidate.id] for candidate in candidates]
            if steps.is_cancelled():
                raise RequestCancelled
            is_last = steps.is_enough(texts[0]) or length == self._max_new_tokens
            ended = [is_last or candidate.id in self._end_ids for candidate in candidates]
            if can_improve:
                finished = self._keep_finished(finished, candidates, texts, ended)
            kept = sorted(range(len(candidates)), key=lambda n: (ended[n], -candidates[n].score))[: self._num_beams]
            running = [_Beam(texts[n], np.float32(candidates[n].score)) for n in kept]
            # A running beam with an end of text has so low a score that it can't win.
            best = _NOTHING if ended[kept[0]] else running[0].score
            worst = finished[-1].score if len(finished) == self._num_beams else _NOTHING
            can_improve = can_improve and bool(best / np.float32(length) > worst)
            if not can_improve or all(ended):
                break
            for row, n in enumerate(kept):
                candidates[n].row = row
        return finished[0].ids

    def _keep_finished(
        self, finished: list[_Finished], candidates: list[Candidate], texts: list[list[int]], ended: list[bool]
    ) -> list[_Finished]:
        """Return the best finished beams. Only candidates among the first `num_beams` can finish."""
        new = [
            _Finished(text, np.float32(candidate.score) / np.float32(len(text)))
            for candidate, text, has_ended in zip(candidates, texts, ended, strict=True)
            if has_ended
        ][: sum(ended[: self._num_beams])]
        return sorted([*finished, *new], key=lambda beam: -beam.score)[: self._num_beams]

    def _candidates(self, running: list[_Beam]) -> list[Candidate]:
        """Return the best extensions of all beams by one token, best first.

        A penalty can lift a token above those that were returned, and a repeated n-gram cuts some of them. More are
        requested until none can be missing.
        """
        count = self._count + (SPARE if self._penalty != 1 or self._ngram_size else 0)
        found: dict[int, dict[int, float]] = {}
        missing = list(range(len(running)))
        while True:
            texts = [[*self._input_ids, *running[row].ids] for row in missing]
            found.update(zip(missing, self._top_of(texts, min(count, self._vocab_size)), strict=True))
            scored = [candidate for row in found for candidate in self._extensions(row, running[row], found[row])]
            best = sorted(scored, key=lambda candidate: (-candidate.score, candidate.parent))[: self._count]
            missing = [
                row
                for row, top in found.items()
                if len(top) < self._vocab_size and self._bound(running[row], top) > best[-1].score
            ]
            if not missing:
                return best
            count *= 2

    def _extensions(self, row: int, beam: _Beam, top: dict[int, float]) -> list[Candidate]:
        ids, values = np.array(list(top)), np.array(list(top.values()), dtype=np.float32)
        text = [*self._input_ids, *beam.ids]
        values = np.where(np.isin(ids, text), values * self._penalty, values)  # log-probabilities are never above 0
        if self._ngram_size:
            values[np.isin(ids, list(repeating_ids(text, self._ngram_size)))] = -np.inf
        scores = values + beam.score
        order = np.argsort(-scores, kind="stable")[: self._count]
        return [Candidate(row, int(ids[n]), float(values[n]), float(scores[n])) for n in order]

    def _bound(self, beam: _Beam, top: dict[int, float]) -> float:
        """Return the highest score that an extension of `beam` by a token outside of `top` can have."""
        lowest = np.float32(min(top.values()))
        return float(max(lowest, lowest * self._penalty) + beam.score)
