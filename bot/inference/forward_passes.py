"""Forward passes of several sequences at once: prompts in pieces, and one token of each text under way in one batch.

Rows of a batch end in the same column and are padded on the left, as transformers pads for generation; the attention
mask and the position ids make the padding invisible, so a row's numbers do not depend on the others'.
"""

import inspect
import logging
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import Cache

from bot.inference.growing_layer import Columns, GrowingLayer
from bot.inference.scheduler import ForwardPass, wait_for

PREFILL_TOKENS = 512  # of several prompts in one pass
PIECE_TOKENS = 256  # of one long prompt in one pass, for which everybody waits
GIVES_WAY_TO = 4  # newcomers, between two pieces of a prompt
PADDING_ALLOWED = 1.2  # tokens computed for each token of a prompt
COLUMNS_STEP = 16  # prompts are filled up to a multiple: a shape that is new costs a twelfth of its pass
AGREEMENT = 0.05  # of logits, relative: bfloat16 rounds to about a hundredth, a wrong cache is far off

log = logging.getLogger(__name__)


class ForwardPasses:
    """Computes the forward passes of one model; `by_token` says whether a text can be computed in several of them.

    Models that keep more than keys and values (Mamba's state, for one) cannot.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._takes_positions = "position_ids" in inspect.signature(model.forward).parameters
        self._batch: _Batch | None = None
        self._turn = 0
        self.by_token = True
        self.by_token = self._agree()

    def last_logits(self, input_ids: list[int], beginning: "Sequence | None" = None) -> torch.Tensor:
        """Return the logits after the last of `input_ids`, float32 [vocabulary].

        Where the ids begin as `beginning` does, that part is not computed again.
        """
        sequence = Sequence(self, keeps=False)
        if beginning is not None and input_ids[: beginning.length] == beginning.ids:
            sequence.length, sequence.place = beginning.length, beginning.place
        return sequence.next_logits(input_ids)

    def begin(self) -> "Sequence":
        """Return an empty sequence."""
        return Sequence(self, keeps=True)

    def computed(self, input_ids: list[int]) -> "Sequence | None":
        """Return a sequence with `input_ids`, computed at once; None for no ids, or where it would be of no use."""
        if not input_ids or not self.by_token:
            return None
        sequence = Sequence(self, keeps=True, ids=input_ids)
        self._complete([sequence])
        return sequence

    def next_turn(self) -> int:
        """Return a number that is greater than that of every pass which already waits."""
        self._turn += 1
        return self._turn

    def _agree(self) -> bool:
        """Return whether piece by piece and two sequences at once give what whole texts alone give."""
        texts = [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11, 12, 13]]
        sequences = [Sequence(self, keeps=True) for _ in texts]
        try:
            for pieces in (slice(2), slice(-1), slice(None)):
                for sequence, text in zip(sequences, texts, strict=True):
                    sequence.ids = text[pieces]
                together = self._complete(sequences)
            alone = [self._complete([Sequence(self, keeps=False, ids=text)])[0] for text in texts]
        except Exception as error:  # whatever such a model makes of a cache that it does not know
            log.info("requests are computed one by one: %s", str(error).partition("\n")[0])
            return False
        finally:
            self._batch = None
        differences = [(one - other).abs().max() / one.abs().max() for one, other in zip(alone, together, strict=True)]
        return bool(max(differences) < AGREEMENT)

    def _complete(self, sequences: "list[Sequence]") -> list[torch.Tensor]:
        """Compute all that `sequences` lack, and return the logits after each."""
        waiting = [Pass(self, sequence, self.next_turn()) for sequence in sequences]
        logits: dict[int, torch.Tensor] = {}
        while waiting:
            logits |= {id(one.sequence): result for one, result in self.compute(waiting)}
            waiting = [one for one in waiting if id(one.sequence) not in logits]
        return [logits[id(sequence)] for sequence in sequences]

    @torch.no_grad()
    def compute(self, waiting: "list[Pass]") -> "list[tuple[Pass, torch.Tensor]]":
        """Compute the next token of every sequence under way and some of the prompts; return what is complete."""
        decoding = [one for one in waiting if one.sequence.length > 0 and one.sequence.lacking == 1]
        prompts = sorted((one for one in waiting if one not in decoding), key=lambda one: one.turn)
        return [*self._decode(decoding), *self._prefill(self._together(prompts))]

    def _decode(self, passes: "list[Pass]") -> "list[tuple[Pass, torch.Tensor]]":
        sequences = [one.sequence for one in passes]
        if not sequences:
            self._batch = None
            return []
        if self._batch is None or self._batch.sequences != sequences:
            self._batch = _Batch.of(sequences)
        ids = torch.tensor([sequence.ids[-1:] for sequence in sequences], device=self._model.device)
        logits = self._forward(ids, [sequence.length for sequence in sequences], self._batch.cache)
        for sequence in sequences:
            sequence.length += 1
        return list(zip(passes, logits, strict=True))

    def _together(self, prompts: "list[Pass]") -> "list[Pass]":
        """Return the first of `prompts` and those that can share its pass: alike in length, and not too long in all."""
        alike: list[Pass] = []
        longest = tokens = 0
        for one in prompts:
            lacking = one.sequence.lacking
            padded = max(longest, lacking) * (len(alike) + 1)
            if not alike or (padded <= PREFILL_TOKENS and padded <= PADDING_ALLOWED * (tokens + lacking)):
                alike.append(one)
                longest, tokens = max(longest, lacking), tokens + lacking
        return alike

    def _prefill(self, passes: "list[Pass]") -> "list[tuple[Pass, torch.Tensor]]":
        """Compute what `passes` lack, or a piece of it; a row that lacks less repeats some of what it has."""
        if not passes:
            return []
        sequences = [one.sequence for one in passes]
        columns = max(sequence.lacking for sequence in sequences)
        if self.by_token:  # not Mamba, which does not mask the padding of a text that is alone
            columns = min(columns, PIECE_TOKENS)
            columns += -columns % COLUMNS_STEP
        ends = [min(len(sequence.ids), sequence.length + columns) for sequence in sequences]
        kept = [max(0, end - columns) for end in ends]
        rows = [sequence.ids[start:end] for sequence, start, end in zip(sequences, kept, ends, strict=True)]
        cache = _gathered(sequences, kept) if any(kept) else None
        in_pieces = any(end < len(sequence.ids) for sequence, end in zip(sequences, ends, strict=True))
        if cache is None and (in_pieces or any(sequence.keeps for sequence in sequences)):
            cache = Cache(layer_class_to_replicate=GrowingLayer)
        padding = [columns - len(row) for row in rows]
        ids = torch.tensor([[0] * pad + row for pad, row in zip(padding, rows, strict=True)], device=self._model.device)
        logits = self._forward(ids, [start - pad for start, pad in zip(kept, padding, strict=True)], cache)
        for row, (one, end) in enumerate(zip(passes, ends, strict=True)):
            one.sequence.length = end
            one.sequence.place = None if cache is None else Place(cache, row)
            one.turn = self.next_turn() + GIVES_WAY_TO  # where it lacks more, others come first
        return [(one, result) for one, result in zip(passes, logits, strict=True) if not one.sequence.lacking]

    def _forward(self, ids: torch.Tensor, starts: list[int], cache: Cache | None) -> torch.Tensor:
        """Return the logits after each row's last id, float32 [rows, vocabulary].

        `starts` is each row's position of the first column of `ids`, negative by as many columns as are padding.
        """
        columns = ids.shape[1]
        before = cache.get_seq_length() if cache is not None else 0
        first = torch.tensor(starts, device=ids.device)[:, None]
        options: dict[str, Any] = {}
        if self._takes_positions:
            options["position_ids"] = (first + torch.arange(columns, device=ids.device)).clamp(min=0)
        mask = torch.arange(before + columns, device=ids.device)[None, :] >= before - first
        if cache is not None:
            options["past_key_values"] = cache
        output = self._model(
            input_ids=ids, attention_mask=mask.long(), use_cache=cache is not None, logits_to_keep=1, **options
        )
        logits: torch.Tensor = output.logits[:, -1].float().cpu()
        return logits


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sequence's keys and values stand: in a row that ends in the cache's last column."""

    cache: Any  # a Cache of GrowingLayers
    row: int


@dataclass(eq=False, slots=True)
class Sequence:
    """A text under way: the first `length` of its `ids` are computed and stand in `place`, if it `keeps` them."""

    passes: ForwardPasses
    keeps: bool
    length: int = 0
    place: Place | None = None
    ids: list[int] = field(default_factory=list)

    @property
    def lacking(self) -> int:
        """How many of the ids are not computed yet."""
        return len(self.ids) - self.length

    def next_logits(self, input_ids: list[int]) -> torch.Tensor:
        """Append `input_ids`, the prompt or then one token, and return the logits after it, float32 [vocabulary]."""
        self.ids = [*self.ids, *input_ids]
        logits: torch.Tensor = wait_for(Pass(self.passes, self, self.passes.next_turn()))
        return logits


@dataclass(eq=False, slots=True)
class Pass:
    """What one sequence waits for; the lowest `turn` comes first."""

    passes: ForwardPasses
    sequence: Sequence
    turn: int

    def compute_together(self, waiting: list[ForwardPass]) -> list[tuple[ForwardPass, Any]]:
        """Compute some of `waiting`, and return those that are complete with their logits."""
        return list(self.passes.compute([one for one in waiting if isinstance(one, Pass)]))


def _gathered(sequences: list[Sequence], kept: list[int]) -> Cache:
    """Return a new memory with the first `kept` columns of each of `sequences`, all ending in the same column."""
    places = [sequence.place for sequence in sequences]
    any_cache = next(place.cache for place in places if place is not None)
    cache = Cache(layer_class_to_replicate=GrowingLayer)
    for index in range(len(any_cache.layers)):

        def columns(sequence: Sequence, count: int, index: int = index) -> Columns:
            place = sequence.place or Place(any_cache, 0)
            return Columns(place.cache.layers[index], place.row, sequence.length, count)

        layer = GrowingLayer()  # type: ignore[no-untyped-call]  # as transformers' own
        layer.gather(list(map(columns, sequences, kept)), max(kept))
        cache.layers.append(layer)
    return cache


@dataclass(slots=True)
class _Batch:
    """Sequences under way whose keys and values stand in one memory, a row each."""

    sequences: list[Sequence]
    cache: Cache

    @classmethod
    def of(cls, sequences: list[Sequence]) -> "_Batch":
        """Return a new memory with what `sequences` have in others."""
        cache = _gathered(sequences, [sequence.length for sequence in sequences])
        for row, sequence in enumerate(sequences):
            sequence.place = Place(cache, row)
        return cls(sequences, cache)
