"""Forward passes of several sequences at once: prompts first, then one token of each in one batch.

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

from bot.inference.growing_layer import GrowingLayer
from bot.inference.scheduler import ForwardPass, wait_for

PREFILL_TOKENS = 512  # of prompts in one pass; a longer prompt has a pass of its own
PADDING_ALLOWED = 1.2  # tokens computed for each token of a prompt
AGREEMENT = 0.05  # of logits, relative: bfloat16 rounds to about a hundredth, a wrong cache is far off

log = logging.getLogger(__name__)


class ForwardPasses:
    """Computes the forward passes of one model."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._takes_positions = "position_ids" in inspect.signature(model.forward).parameters
        self._batch: _Batch | None = None

    def last_logits(self, input_ids: list[int]) -> torch.Tensor:
        """Return the logits after the last of `input_ids`, float32 [vocabulary]."""
        logits: torch.Tensor = wait_for(_Pass(self, Sequence(self, keeps=False), input_ids))
        return logits

    def begin(self) -> "Sequence":
        """Return an empty sequence."""
        return Sequence(self, keeps=True)

    def agree(self) -> bool:
        """Return whether token by token, two sequences at once, gives what whole texts alone give.

        Models that keep more than keys and values (Mamba's state, for one) cannot be computed like this.
        """
        texts = [[1, 2, 3], [4, 5, 6, 7, 8]]
        try:
            sequences = [_Pass(self, self.begin(), text[:-1]) for text in texts]
            self.compute(sequences)
            for one, text in zip(sequences, texts, strict=True):
                if one.sequence.length == 0:  # it had no room in the first pass
                    self.compute([one])
                one.input_ids = text[-1:]
            together = [logits for _, logits in self.compute(sequences)]
            alone = [self.last_logits(text) for text in texts]
        except Exception as error:  # whatever such a model makes of a cache that it does not know
            log.info("requests are computed one by one: %s", str(error).partition("\n")[0])
            return False
        finally:
            self._batch = None
        differences = [(one - other).abs().max() / one.abs().max() for one, other in zip(alone, together, strict=True)]
        return bool(max(differences) < AGREEMENT)

    @torch.no_grad()
    def compute(self, waiting: "list[_Pass]") -> "list[tuple[_Pass, torch.Tensor]]":
        """Compute the next token of every sequence under way, and some prompts of those that begin."""
        decoding = [one for one in waiting if one.sequence.length > 0]
        beginning = [one for one in waiting if one.sequence.length == 0]
        return [*self._decode(decoding), *self._prefill(_together(beginning))]

    def _decode(self, passes: "list[_Pass]") -> "list[tuple[_Pass, torch.Tensor]]":
        sequences = [one.sequence for one in passes]
        if not sequences:
            self._batch = None
            return []
        if self._batch is None or self._batch.sequences != sequences:
            self._batch = _Batch.of(sequences)
        ids = torch.tensor([one.input_ids for one in passes], device=self._model.device)
        logits = self._forward(ids, [sequence.length for sequence in sequences], self._batch.cache)
        for sequence in sequences:
            sequence.length += 1
        return list(zip(passes, logits, strict=True))

    def _prefill(self, passes: "list[_Pass]") -> "list[tuple[_Pass, torch.Tensor]]":
        if not passes:
            return []
        longest = max(len(one.input_ids) for one in passes)
        padded = [[0] * (longest - len(one.input_ids)) + one.input_ids for one in passes]
        keeps = any(one.sequence.keeps for one in passes)
        cache = Cache(layer_class_to_replicate=GrowingLayer) if keeps else None
        ids = torch.tensor(padded, device=self._model.device)
        starts = [-(longest - len(one.input_ids)) for one in passes]
        logits = self._forward(ids, starts, cache)
        for row, one in enumerate(passes):
            one.sequence.length = len(one.input_ids)
            if one.sequence.keeps:
                one.sequence.place = Place(cache, row)
        return list(zip(passes, logits, strict=True))

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
        # The padding of a row under way stands before its keys: as many columns as it is shorter than the batch.
        padding = before - first.clamp(min=0) if before else -first
        mask = torch.arange(before + columns, device=ids.device)[None, :] >= padding
        if cache is not None:
            options["past_key_values"] = cache
        output = self._model(
            input_ids=ids, attention_mask=mask.long(), use_cache=cache is not None, logits_to_keep=1, **options
        )
        logits: torch.Tensor = output.logits[:, -1].float().cpu()
        return logits


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sequence's keys and values stand."""

    cache: Any
    row: int


@dataclass(eq=False, slots=True)
class Sequence:
    """A text under way, `length` tokens long; its keys and values are kept between passes where it `keeps` them."""

    passes: ForwardPasses
    keeps: bool
    length: int = 0
    place: Place = field(init=False)  # set by the first pass

    def next_logits(self, input_ids: list[int]) -> torch.Tensor:
        """Append `input_ids`, the prompt or then one token, and return the logits after it, float32 [vocabulary]."""
        logits: torch.Tensor = wait_for(_Pass(self.passes, self, input_ids))
        return logits


@dataclass(eq=False, slots=True)
class _Pass:
    """What one sequence waits for."""

    passes: ForwardPasses
    sequence: Sequence
    input_ids: list[int]

    def compute_together(self, waiting: list[ForwardPass]) -> list[tuple[ForwardPass, Any]]:
        return list(self.passes.compute([one for one in waiting if isinstance(one, _Pass)]))


def _together(passes: list[_Pass]) -> list[_Pass]:
    """Return the first of `passes` and those that can share its pass: alike in length, and not too long in all."""
    if not passes:
        return []
    length = len(passes[0].input_ids)
    alike = [passes[0]]
    for one in passes[1:]:
        longest = max(length, len(one.input_ids))
        tokens = sum(len(other.input_ids) for other in alike) + len(one.input_ids)
        padded = longest * (len(alike) + 1)
        if padded <= PREFILL_TOKENS and padded <= PADDING_ALLOWED * tokens:
            alike.append(one)
            length = longest
    return alike


@dataclass(slots=True)
class _Batch:
    """Sequences under way whose keys and values stand in one memory, a row each."""

    sequences: list[Sequence]
    cache: Cache

    @classmethod
    def of(cls, sequences: list[Sequence]) -> "_Batch":
        """Return a new memory with what `sequences` have in others, each ending in the same column."""
        end = max(sequence.length for sequence in sequences)
        cache = Cache(layer_class_to_replicate=GrowingLayer)
        places = [sequence.place for sequence in sequences]
        for index in range(len(places[0].cache.layers)):
            layer = GrowingLayer()  # type: ignore[no-untyped-call]  # as transformers' own
            layer.gather(
                [
                    (place.cache.layers[index], place.row, sequence.length)
                    for place, sequence in zip(places, sequences, strict=True)
                ],
                end,
            )
            cache.layers.append(layer)
        for row, sequence in enumerate(sequences):
            sequence.place = Place(cache, row)
        return cls(sequences, cache)
