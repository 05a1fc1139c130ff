"""Which tokens of which texts share a forward pass: the next token of each text being written, and prompts."""

from collections import defaultdict
from collections.abc import Iterator

import torch

from bot.engine.transformers.batches import LOGITS_ROWS, PIECE_TOKENS, PREFILL_TOKENS, Finished
from bot.engine.transformers.kept_texts import Start
from bot.engine.transformers.llama.cache import CacheShape, TextCache, WritingGroup, capacity_for
from bot.engine.transformers.llama.network import EarlierSpan, LlamaNetwork, Pass, PromptSpan
from bot.engine.transformers.sequences import YIELD_TO, Decoding, ForwardRequest

ROWS_AT_ONCE = LOGITS_ROWS + 16  # over the vocabulary: those of a long text, and of a few short ones


class PackedBatches:
    """Batches of a LlamaNetwork. Each pass has tokens of all kinds, one text after another."""

    shares_parts = True

    def __init__(self, network: LlamaNetwork) -> None:
        self._network = network
        self._shape: CacheShape = network.shape
        self._groups: dict[int, WritingGroup] = {}

    @property
    def module(self) -> torch.nn.Module:
        """What computes each pass."""
        return self._network

    @property
    def bytes_per_token(self) -> int:
        """How much memory the keys and values of a token take."""
        return self._shape.bytes_per_token

    def compute(self, requests: list[ForwardRequest]) -> Finished:
        """Compute the next tokens of all texts that are written, and some of the prompts."""
        writing = [request for request in requests if _is_next_token(request)]
        prompts = _choose([request for request in requests if request not in writing])
        step = Pass()
        finished = self._add_writing(step, writing)
        for request in prompts:
            if self._add_prompt(step, request):
                finished.append(request)
        logits = self._network(step)
        for request in writing:
            request.decoding.length += 1
        for request in prompts:
            request.decoding.length += _piece(request)
        rows = logits.split([request.rows for request in finished])
        for request in prompts:
            request.turn = request.next_turn() + YIELD_TO  # newer requests run before its next piece
        return list(zip(finished, rows, strict=True))

    @torch.no_grad()
    def layer_logits(self, request: ForwardRequest) -> Iterator[torch.Tensor]:
        """Compute the rest of a text, and yield the logits after each layer."""
        step, states = Pass(), list[torch.Tensor]()
        self._add_prompt(step, request)
        own = self._network(step, states)
        request.decoding.length += len(step.ids)
        for some in states[:-1]:  # the last ones are normalised, and `own` was computed from them
            yield self._network.logits_of(some)
        yield own

    def release(self) -> None:
        """Free the keys and values of the last pass. Texts in use keep theirs."""
        for group in self._groups.values():
            group.keep_only([])

    def can_share(self, _: Start) -> bool:
        """Any part of a text can be shared."""
        return True

    def share(self, decoding: Decoding, start: Start) -> None:
        """Let `decoding` begin with `start`, without a copy."""
        decoding.cache, decoding.length = TextCache(_cache(start.text), start.length), start.length

    def kept(self, decoding: Decoding, most: int) -> Decoding | None:
        """Return a copy of a computed text, up to `most` tokens, for later texts that begin alike."""
        if not isinstance(decoding.cache, TextCache) or not decoding.length:
            return None
        length = min(decoding.length, most)
        copy = decoding.cache.copied(self._shape, length)
        return Decoding(decoding.passes, is_cached=True, length=length, cache=copy, ids=decoding.ids[:length])

    def _add_writing(self, step: Pass, requests: list[ForwardRequest]) -> list[ForwardRequest]:
        """Add the next token of each text, and return the requests in the order of their outputs."""
        by_capacity: dict[int, list[ForwardRequest]] = defaultdict(list)
        for request in requests:
            by_capacity[capacity_for(request.decoding.length + 1)].append(request)
        ordered: list[ForwardRequest] = []
        # A text moves to a group of a larger capacity, so that one takes it before its old group drops it.
        for capacity in sorted({*self._groups, *by_capacity}, reverse=True):
            group = self._groups.setdefault(capacity, WritingGroup(self._shape, capacity))
            some = by_capacity[capacity]
            group.keep_only([(_cache(request.decoding), request.decoding.length) for request in some])
            if not some:
                del self._groups[capacity]
                continue
            some.sort(key=lambda request: _cache(request.decoding).row)
            step.writing.append(group)
            step.outputs += range(len(step.ids), len(step.ids) + len(some))
            step.ids += [request.decoding.ids[-1] for request in some]
            step.positions += [request.decoding.length for request in some]
            ordered += some
        return ordered

    def _add_prompt(self, step: Pass, request: ForwardRequest) -> bool:
        """Add a prompt, or a piece of it. Return whether that is its last piece."""
        decoding, piece = request.decoding, _piece(request)
        assert 0 < request.rows <= decoding.uncomputed  # noqa: S101  # computed tokens have no logits any more
        first, start = len(step.ids), decoding.length
        is_last = start + piece == len(decoding.ids)
        cache = decoding.cache = decoding.cache or TextCache()
        assert isinstance(cache, TextCache)  # noqa: S101  # these batches have no others
        _add_earlier(step, cache.segments(start), first, piece)
        memory = None
        if decoding.is_cached or not is_last or not cache.is_empty:
            memory = cache.room_for(self._shape, start, len(decoding.ids))
        step.prompts.append(PromptSpan(first, first + piece, memory, start - cache.shared_length))
        step.ids += decoding.ids[start : start + piece]
        step.positions += range(start, start + piece)
        if is_last:
            step.outputs += range(len(step.ids) - request.rows, len(step.ids))
        return is_last


def _add_earlier(step: Pass, segments: list[torch.Tensor], first: int, count: int) -> None:
    """Let the `count` tokens from `first` on attend to `segments`. The same columns as before them are one span."""
    for segment in segments:
        last = step.earlier[-1] if step.earlier else None
        if last is not None and last.end == first and _is_same(last.columns, segment):
            step.earlier[-1] = EarlierSpan(last.first, first + count, segment)
        else:
            step.earlier.append(EarlierSpan(first, first + count, segment))


def _is_same(columns: torch.Tensor, others: torch.Tensor) -> bool:
    return columns.data_ptr() == others.data_ptr() and columns.shape == others.shape


def _is_next_token(request: ForwardRequest) -> bool:
    """Return whether a request is for the next token of a text whose keys and values are kept."""
    decoding = request.decoding
    return decoding.is_cached and decoding.uncomputed == request.rows == 1 and decoding.length > 0


def _piece(request: ForwardRequest) -> int:
    """Return how many tokens of a prompt are computed in its next pass. The last piece has all tokens with logits."""
    uncomputed = request.decoding.uncomputed
    return uncomputed if uncomputed <= max(PIECE_TOKENS, request.rows) else min(PIECE_TOKENS, uncomputed - request.rows)


def _choose(prompts: list[ForwardRequest]) -> list[ForwardRequest]:
    """Return the first prompt, and those that fit in its pass."""
    chosen: list[ForwardRequest] = []
    tokens = rows = 0
    for prompt in prompts:
        piece = _piece(prompt)
        has_room = rows + prompt.rows <= ROWS_AT_ONCE
        if not chosen or (tokens + piece <= PREFILL_TOKENS and has_room):
            chosen.append(prompt)
            tokens, rows = tokens + piece, rows + prompt.rows
    return chosen


def _cache(decoding: Decoding) -> TextCache:
    assert isinstance(decoding.cache, TextCache)  # noqa: S101  # these batches have no others
    return decoding.cache
