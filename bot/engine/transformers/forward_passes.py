"""Forward passes for several texts at once: prompts in pieces, and the next tokens of all running texts in one batch.

The rows of a batch end in the same column and are padded on the left, as in transformers' generation. The attention
mask and the position ids hide the padding, so a row's numbers don't depend on the other rows.
"""

import inspect
from collections.abc import Iterator

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import Cache

from bot.engine.transformers.kv_cache import Batch, PreallocatedLayer, merge_caches
from bot.engine.transformers.sequences import YIELD_TO, CacheRow, Decoding, ForwardRequest, wait_for_passes
from bot.errors import NumbersNotFinite
from bot.questions.language_model import ModelInfo

PREFILL_TOKENS = 512  # in one pass, of several prompts
PIECE_TOKENS = 256  # in one pass, of one long prompt; all other requests wait for that pass
PADDING_ALLOWED = 1.2  # computed tokens, with padding, for each token of the prompts
LOGITS_ROWS = 64  # over the vocabulary, in one pass: 39 MB for 151,936 tokens
WIDTH_STEP = 16  # prompts are padded to a multiple of it, because each new shape costs a twelfth of its pass


class ForwardPasses:
    """Computes the forward passes of one model.

    With `supports_incremental`, a text is computed in several passes, and one pass serves several texts. Without it,
    each text is one plain call of the model. That is for models that store more than keys and values (such as Mamba's
    state) or compute positions in their own way.
    """

    def __init__(self, model: PreTrainedModel, info: ModelInfo, *, supports_incremental: bool = True) -> None:
        self.model = model
        self.info = info
        self._takes_positions = "position_ids" in inspect.signature(model.forward).parameters
        self._batch: Batch | None = None
        self._turn = 0
        self.supports_incremental = supports_incremental

    def last_logits(self, input_ids: list[int], beginning: Decoding | None = None) -> torch.Tensor:
        """Return the logits after the last of `input_ids`, float32 [vocabulary].

        If the ids start with those of `beginning`, that part is not computed again.
        """
        return self.last_logits_of([input_ids], beginning)[0]

    def last_logits_of(self, texts: list[list[int]], beginning: Decoding | None = None) -> list[torch.Tensor]:
        """Return `last_logits` of each text. The texts are requested at once, so they can share passes."""
        requests = [ForwardRequest(Decoding(self, is_cached=False, ids=ids), self.next_turn()) for ids in texts]
        for decoding in (request.decoding for request in requests):
            if beginning is not None and decoding.ids[: beginning.length] == beginning.ids:
                decoding.length, decoding.cache_row = beginning.length, beginning.cache_row
        return [logits[-1] for logits in wait_for_passes(self, requests)]

    def logits_after(self, input_ids: list[int], first: int = 0) -> Iterator[torch.Tensor]:
        """Yield the logits after each of `input_ids` from position `first` on, float32 [at most 64, vocabulary].

        Each part is computed when the caller asks for it, which limits the memory. Without `supports_incremental`, all
        logits are computed at once.
        """
        rows = min(LOGITS_ROWS, PIECE_TOKENS)
        if not self.supports_incremental:
            plain = Decoding(self, is_cached=False, ids=input_ids)
            whole = ForwardRequest(plain, self.next_turn(), rows=len(input_ids) - first)
            logits = wait_for_passes(self, [whole])[0]
            yield from (logits[start : start + rows] for start in range(0, len(logits), rows))
            return
        decoding = self.begin()
        for start in range(first, len(input_ids), rows):
            end = min(start + rows, len(input_ids))
            decoding.ids = input_ids[:end]
            yield wait_for_passes(self, [ForwardRequest(decoding, self.next_turn(), rows=end - start)])[0]

    def begin(self) -> Decoding:
        """Return an empty text whose keys and values will be cached."""
        return Decoding(self, is_cached=True)

    def compute_beginning(self, input_ids: list[int]) -> Decoding | None:
        """Compute `input_ids` now, for texts that start with them. None without ids or `supports_incremental`."""
        if not input_ids or not self.supports_incremental:
            return None
        decoding = Decoding(self, is_cached=True, ids=input_ids)
        self.complete([decoding])
        return decoding

    def next_turn(self) -> int:
        """Return a number greater than the `turn` of every waiting request."""
        self._turn += 1
        return self._turn

    def check_finite(self, logits: torch.Tensor) -> None:
        """Raise NumbersNotFinite if a logit is infinite or not a number."""
        if not bool(logits.isfinite().all()):
            raise NumbersNotFinite(self.info.short_name, self.info.dtype)

    def complete(self, decodings: list[Decoding]) -> list[torch.Tensor]:
        """Compute the rest of `decodings` now, and return the logits after each. Raises the model's errors."""
        waiting = [ForwardRequest(decoding, self.next_turn()) for decoding in decodings]
        logits: dict[int, torch.Tensor] = {}
        while waiting:
            logits |= {id(request.decoding): result[-1] for request, result in self._compute(waiting)}
            waiting = [request for request in waiting if id(request.decoding) not in logits]
        return [logits[id(decoding)] for decoding in decodings]

    def release_batch(self) -> None:
        """Free the keys and values of the last batch."""
        self._batch = None

    def compute(self, waiting: list[ForwardRequest]) -> list[tuple[ForwardRequest, torch.Tensor | Exception]]:
        """Compute the next token of each running text and some of the prompts, and return the finished requests.

        If the model raises an error, each request is computed alone, to find the ones that cause it. They get the
        error as their result.
        """
        try:
            return list(self._compute(waiting))
        except Exception as error:
            if len(waiting) == 1:
                return [(waiting[0], error)]
            return [finished for request in waiting for finished in self._compute_alone(request)]

    def _compute_alone(self, request: ForwardRequest) -> list[tuple[ForwardRequest, torch.Tensor | Exception]]:
        """Compute a text from its beginning, because the error may have left its cache incomplete."""
        request.decoding.length, request.decoding.cache_row = 0, None
        self.release_batch()
        computed: list[tuple[ForwardRequest, torch.Tensor | Exception]] = []
        while not computed:
            computed = self.compute([request])
        return computed

    @torch.no_grad()
    def _compute(self, waiting: list[ForwardRequest]) -> list[tuple[ForwardRequest, torch.Tensor]]:
        if not self.supports_incremental:
            return [self._call_plainly(min(waiting, key=lambda request: request.turn))]
        running = [
            request
            for request in waiting
            if request.decoding.length and request.decoding.uncomputed == request.rows == 1
        ]
        prompts = sorted((request for request in waiting if request not in running), key=lambda request: request.turn)
        return [*self._decode(running), *self._prefill(self._choose_prompts(prompts))]

    def _call_plainly(self, request: ForwardRequest) -> tuple[ForwardRequest, torch.Tensor]:
        decoding = request.decoding
        decoding.length = len(decoding.ids)
        return request, plain_logits(self.model, decoding.ids, request.rows)

    def _decode(self, requests: list[ForwardRequest]) -> list[tuple[ForwardRequest, torch.Tensor]]:
        decodings = [request.decoding for request in requests]
        if not decodings:
            self._batch = None
            return []
        if self._batch is None or self._batch.decodings != decodings:
            self._batch = Batch.of(decodings)
        ids = torch.tensor([decoding.ids[-1:] for decoding in decodings], device=self.model.device)
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

    def _prefill(self, requests: list[ForwardRequest]) -> list[tuple[ForwardRequest, torch.Tensor]]:
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
        ids = torch.tensor([[0] * pad + row for pad, row in zip(padding, rows, strict=True)], device=self.model.device)
        starts = [start - pad for start, pad in zip(kept, padding, strict=True)]
        logits = self._forward(ids, starts, cache, last)
        for row, (request, end) in enumerate(zip(requests, ends, strict=True)):
            request.decoding.length = end
            request.decoding.cache_row = None if cache is None else CacheRow(cache, row)
            request.turn = self.next_turn() + YIELD_TO  # newer requests run before its next piece
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
        output = self.model(
            input_ids=ids, attention_mask=mask.long(), use_cache=cache is not None, logits_to_keep=last, **options
        )
        logits: torch.Tensor = output.logits[:, -last:].float().cpu()
        return logits


@torch.no_grad()
def plain_logits(model: PreTrainedModel, input_ids: list[int], last: int | None = None) -> torch.Tensor:
    """Call the model plainly. Return the logits after the `last` ids, or after each id, float32 [ids, vocabulary]."""
    can_select = last is not None and "logits_to_keep" in inspect.signature(model.forward).parameters
    options = {"logits_to_keep": last} if can_select else {}
    output = model(input_ids=torch.tensor([input_ids], device=model.device), **options)
    logits: torch.Tensor = output.logits[0, -(last or 0) :].float().cpu()
    return logits


def input_rows(model: PreTrainedModel) -> int:
    """Return how many different ids the model can read. It can predict fewer."""
    return int(model.get_input_embeddings().num_embeddings)  # type: ignore[arg-type]  # typed as any attribute of a module
