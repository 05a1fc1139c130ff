"""Batches of transformers' own model: prompts in pieces, and the next tokens of all running texts in one batch.

The rows of a batch end in the same column and are padded on the left, as in transformers' generation. The attention
mask and the position ids hide the padding, so a row's numbers don't depend on the other rows.
"""

import inspect
from collections.abc import Iterator

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import Cache

from bot.engine.transformers.batches import LOGITS_ROWS, PIECE_TOKENS, PREFILL_TOKENS, Finished
from bot.engine.transformers.kept_texts import Start
from bot.engine.transformers.kv_cache import Batch, CacheRow, PreallocatedLayer, merge_caches
from bot.engine.transformers.layers import layer_logits
from bot.engine.transformers.sequences import YIELD_TO, Decoding, ForwardRequest

PADDING_ALLOWED = 1.2  # computed tokens, with padding, for each token of the prompts
WIDTH_STEP = 16  # prompts are padded to a multiple of it, because each new shape costs a twelfth of its pass


class PaddedBatches:
    """Batches of a transformers model."""

    shares_parts = False
    bytes_per_token = None

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._takes_positions = "position_ids" in inspect.signature(model.forward).parameters
        self._batch: Batch | None = None

    @property
    def module(self) -> torch.nn.Module:
        """What computes each pass."""
        return self._model

    def compute(self, requests: list[ForwardRequest]) -> Finished:
        """Compute the next token of each running text, and some of the prompts."""
        running = [
            request
            for request in requests
            if request.decoding.length and request.decoding.uncomputed == request.rows == 1
        ]
        prompts = [request for request in requests if request not in running]
        return [*self._decode(running), *self._prefill(self._choose_prompts(prompts))]

    def layer_logits(self, request: ForwardRequest) -> Iterator[torch.Tensor]:
        """Call the model plainly, and yield the logits after each layer. Raises LayersNotFound."""
        ids = request.decoding.ids
        return layer_logits(self._model, ids, len(ids) - request.rows)

    def release(self) -> None:
        """Free the keys and values of the last batch."""
        self._batch = None

    def can_share(self, start: Start) -> bool:
        """Return whether `start` is a whole text."""
        return start.length == start.text.length

    def share(self, decoding: Decoding, start: Start) -> None:
        """Let `decoding` begin with `start`. Its columns are copied when they are next used."""
        decoding.cache, decoding.length = start.text.cache, start.length

    def kept(self, _: Decoding, __: int) -> None:
        """Keep nothing: a text's keys and values are part of its batch."""

    def _decode(self, requests: list[ForwardRequest]) -> Finished:
        decodings = [request.decoding for request in requests]
        if not decodings:
            self._batch = None
            return []
        if self._batch is None or self._batch.decodings != decodings:
            self._batch = Batch.of(decodings)
        ids = torch.tensor([decoding.ids[-1:] for decoding in decodings], device=self._model.device)
        logits = self._forward(ids, [decoding.length for decoding in decodings], self._batch.cache, 1)
        for decoding in decodings:
            decoding.length += 1
        return list(zip(requests, logits, strict=True))

    def _choose_prompts(self, prompts: list[ForwardRequest]) -> list[ForwardRequest]:
        """Return the first of `prompts` and those that fit in its pass: of similar length, within the limits above."""
        chosen: list[ForwardRequest] = []
        longest = tokens = rows = 0
        for prompt in prompts:
            width, count, most_rows = prompt.width, len(chosen) + 1, max(rows, prompt.rows)
            padded = max(longest, width) * count
            fits = padded <= PREFILL_TOKENS and (most_rows * count <= LOGITS_ROWS or most_rows == 1)
            if not chosen or (fits and padded <= PADDING_ALLOWED * (tokens + width)):
                chosen.append(prompt)
                longest, tokens, rows = max(longest, width), tokens + width, most_rows
        return chosen

    def _prefill(self, requests: list[ForwardRequest]) -> Finished:
        """Compute `requests`, or a piece of each. A row with fewer uncomputed ids computes some of its ids again."""
        if not requests:
            return []
        decodings = [request.decoding for request in requests]
        width, last = max(request.width for request in requests), max(request.rows for request in requests)
        width = min(width, PIECE_TOKENS)
        width += -width % WIDTH_STEP
        ends = [min(len(decoding.ids), decoding.length + width) for decoding in decodings]
        kept = [max(0, end - width) for end in ends]
        rows = [decoding.ids[start:end] for decoding, start, end in zip(decodings, kept, ends, strict=True)]
        cache = merge_caches(decodings, kept) if any(kept) else None
        in_pieces = any(end < len(decoding.ids) for decoding, end in zip(decodings, ends, strict=True))
        if cache is None and (in_pieces or any(decoding.is_cached for decoding in decodings)):
            cache = Cache(layer_class_to_replicate=PreallocatedLayer)
        padding = [width - len(row) for row in rows]
        ids = torch.tensor([[0] * pad + row for pad, row in zip(padding, rows, strict=True)], device=self._model.device)
        starts = [start - pad for start, pad in zip(kept, padding, strict=True)]
        logits = self._forward(ids, starts, cache, last)
        for row, (request, end) in enumerate(zip(requests, ends, strict=True)):
            request.decoding.length = end
            request.decoding.cache = None if cache is None else CacheRow(cache, row)
            request.turn = request.next_turn() + YIELD_TO  # newer requests run before its next piece
        results = zip(requests, logits, strict=True)
        return [(request, result[-request.rows :]) for request, result in results if not request.decoding.uncomputed]

    def _forward(self, ids: torch.Tensor, starts: list[int], cache: Cache | None, last: int) -> torch.Tensor:
        """Return the logits after the `last` ids of each row, float32 [rows, last, vocabulary].

        `starts` is the position of each row's first column in `ids`. It is negative by the number of padding columns.
        """
        width = ids.shape[1]
        before = cache.get_seq_length() if cache is not None else 0
        first = torch.tensor(starts, device=ids.device)[:, None]
        options: dict[str, torch.Tensor | Cache] = {}
        if self._takes_positions:
            options["position_ids"] = (first + torch.arange(width, device=ids.device)).clamp(min=0)
        mask = torch.arange(before + width, device=ids.device)[None, :] >= before - first
        if cache is not None:
            options["past_key_values"] = cache
        output = self._model(
            input_ids=ids, attention_mask=mask.long(), use_cache=cache is not None, logits_to_keep=last, **options
        )
        logits: torch.Tensor = output.logits[:, -last:].float().cpu()
        return logits
