"""Forward passes of several sequences at once: prompts in pieces, and one token of each text under way in one batch.

Rows of a batch end in the same column and are padded on the left, as transformers pads for generation; the attention
mask and the position ids make the padding invisible, so a row's numbers do not depend on the others'.
"""

import inspect
from collections.abc import Iterator

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import Cache

from bot.engine.transformers.kv_cache import Batch, GrowingLayer, gathered
from bot.engine.transformers.sequences import GIVES_WAY_TO, Pass, Place, Sequence, wait_for_passes
from bot.errors import NumbersNotFinite
from bot.questions.language_model import ModelInfo

PREFILL_TOKENS = 512  # of several prompts in one pass
PIECE_TOKENS = 256  # of one long prompt in one pass, for which everybody waits
PADDING_ALLOWED = 1.2  # tokens computed for each token of a prompt
LOGITS_ROWS = 64  # of a whole vocabulary each, in one pass: 39 MB for 151,936 tokens
COLUMNS_STEP = 16  # prompts are filled up to a multiple: a shape that is new costs a twelfth of its pass


class ForwardPasses:
    """Computes the forward passes of one model.

    With `by_token` a text is computed in several of them, and several texts in one. Without, each text is a plain call
    of the model: some keep more than keys and values (Mamba's state, for one), or have positions of their own.
    """

    def __init__(self, model: PreTrainedModel, info: ModelInfo, *, by_token: bool = True) -> None:
        self.model = model
        self.info = info
        self._takes_positions = "position_ids" in inspect.signature(model.forward).parameters
        self._batch: Batch | None = None
        self._turn = 0
        self.by_token = by_token

    def last_logits(self, input_ids: list[int], beginning: Sequence | None = None) -> torch.Tensor:
        """Return the logits after the last of `input_ids`, float32 [vocabulary].

        Where the ids begin as `beginning` does, that part is not computed again.
        """
        return self.last_logits_of([input_ids], beginning)[0]

    def last_logits_of(self, texts: list[list[int]], beginning: Sequence | None = None) -> list[torch.Tensor]:
        """Return `last_logits` of each of `texts`, which wait together for their passes."""
        passes = [Pass(Sequence(self, keeps=False, ids=ids), self.next_turn()) for ids in texts]
        for sequence in (one.sequence for one in passes):
            if beginning is not None and sequence.ids[: beginning.length] == beginning.ids:
                sequence.length, sequence.place = beginning.length, beginning.place
        return [logits[-1] for logits in wait_for_passes(self, passes)]

    def logits_after(self, input_ids: list[int], first: int = 0) -> Iterator[torch.Tensor]:
        """Yield the logits after each of `input_ids` from position `first` on, float32 [at most 64, vocabulary].

        The next ones are computed when they are asked for, so that no more than these are held at a time; where a text
        is a plain call of the model, all are.
        """
        rows = min(LOGITS_ROWS, PIECE_TOKENS)
        if not self.by_token:
            whole = Pass(Sequence(self, keeps=False, ids=input_ids), self.next_turn(), rows=len(input_ids) - first)
            logits = wait_for_passes(self, [whole])[0]
            yield from (logits[start : start + rows] for start in range(0, len(logits), rows))
            return
        sequence = Sequence(self, keeps=True)
        for start in range(first, len(input_ids), rows):
            end = min(start + rows, len(input_ids))
            sequence.ids = input_ids[:end]
            yield wait_for_passes(self, [Pass(sequence, self.next_turn(), rows=end - start)])[0]

    def begin(self) -> Sequence:
        """Return an empty sequence."""
        return Sequence(self, keeps=True)

    def computed(self, input_ids: list[int]) -> Sequence | None:
        """Return a sequence with `input_ids`, computed at once; None for no ids, or where it would be of no use."""
        if not input_ids or not self.by_token:
            return None
        sequence = Sequence(self, keeps=True, ids=input_ids)
        self.complete([sequence])
        return sequence

    def next_turn(self) -> int:
        """Return a number that is greater than that of every pass which already waits."""
        self._turn += 1
        return self._turn

    def check_finite(self, logits: torch.Tensor) -> None:
        """Raise NumbersNotFinite where a logit is infinite or not a number."""
        if not bool(logits.isfinite().all()):
            raise NumbersNotFinite(self.info.short_name, self.info.dtype)

    def complete(self, sequences: list[Sequence]) -> list[torch.Tensor]:
        """Compute the rest of `sequences`, and return the logits after each. Raises what the model raises."""
        waiting = [Pass(sequence, self.next_turn()) for sequence in sequences]
        logits: dict[int, torch.Tensor] = {}
        while waiting:
            logits |= {id(one.sequence): result[-1] for one, result in self._compute(waiting)}
            waiting = [one for one in waiting if id(one.sequence) not in logits]
        return [logits[id(sequence)] for sequence in sequences]

    def forget_batch(self) -> None:
        """Keep no keys and values of the sequences that were computed last."""
        self._batch = None

    def compute(self, waiting: list[Pass]) -> list[tuple[Pass, torch.Tensor | Exception]]:
        """Compute the next token of every sequence under way and some of the prompts; return what is complete.

        What the model raises for several of them is found out one by one, and is the result of those that cause it.
        """
        try:
            return list(self._compute(waiting))
        except Exception as error:
            if len(waiting) == 1:
                return [(waiting[0], error)]
            return [one for alone in waiting for one in self._computed_alone(alone)]

    def _computed_alone(self, alone: Pass) -> list[tuple[Pass, torch.Tensor | Exception]]:
        """Compute a sequence from its beginning: the failure may have come between two layers of its memory."""
        alone.sequence.length, alone.sequence.place = 0, None
        self.forget_batch()
        computed: list[tuple[Pass, torch.Tensor | Exception]] = []
        while not computed:
            computed = self.compute([alone])
        return computed

    @torch.no_grad()
    def _compute(self, waiting: list[Pass]) -> list[tuple[Pass, torch.Tensor]]:
        if not self.by_token:
            return [self._call_plainly(min(waiting, key=lambda one: one.turn))]
        decoding = [one for one in waiting if one.sequence.length > 0 and one.sequence.lacking == one.rows == 1]
        prompts = sorted((one for one in waiting if one not in decoding), key=lambda one: one.turn)
        return [*self._decode(decoding), *self._prefill(self._together(prompts))]

    def _call_plainly(self, alone: Pass) -> tuple[Pass, torch.Tensor]:
        sequence = alone.sequence
        sequence.length = len(sequence.ids)
        return alone, plain_logits(self.model, sequence.ids, alone.rows)

    def _decode(self, passes: list[Pass]) -> list[tuple[Pass, torch.Tensor]]:
        sequences = [one.sequence for one in passes]
        if not sequences:
            self._batch = None
            return []
        if self._batch is None or self._batch.sequences != sequences:
            self._batch = Batch.of(sequences)
        ids = torch.tensor([sequence.ids[-1:] for sequence in sequences], device=self.model.device)
        logits = self._forward(ids, [sequence.length for sequence in sequences], self._batch.cache, 1)
        for sequence in sequences:
            sequence.length += 1
        return list(zip(passes, logits, strict=True))

    def _together(self, prompts: list[Pass]) -> list[Pass]:
        """Return the first of `prompts` and those that can share its pass: alike in length, and not too much in all."""
        alike: list[Pass] = []
        longest = tokens = rows = 0
        for one in prompts:
            lacking, count = one.columns, len(alike) + 1
            padded = max(longest, lacking) * count
            fits = padded <= PREFILL_TOKENS and (max(rows, one.rows) * count <= LOGITS_ROWS or max(rows, one.rows) == 1)
            if not alike or (fits and padded <= PADDING_ALLOWED * (tokens + lacking)):
                alike.append(one)
                longest, tokens, rows = max(longest, lacking), tokens + lacking, max(rows, one.rows)
        return alike

    def _prefill(self, passes: list[Pass]) -> list[tuple[Pass, torch.Tensor]]:
        """Compute what `passes` lack, or a piece of it; a row that lacks less repeats some of what it has."""
        if not passes:
            return []
        sequences = [one.sequence for one in passes]
        columns, rows_wanted = max(one.columns for one in passes), max(one.rows for one in passes)
        columns = min(columns, PIECE_TOKENS)
        columns += -columns % COLUMNS_STEP
        ends = [min(len(sequence.ids), sequence.length + columns) for sequence in sequences]
        kept = [max(0, end - columns) for end in ends]
        rows = [sequence.ids[start:end] for sequence, start, end in zip(sequences, kept, ends, strict=True)]
        cache = gathered(sequences, kept) if any(kept) else None
        in_pieces = any(end < len(sequence.ids) for sequence, end in zip(sequences, ends, strict=True))
        if cache is None and (in_pieces or any(sequence.keeps for sequence in sequences)):
            cache = Cache(layer_class_to_replicate=GrowingLayer)
        padding = [columns - len(row) for row in rows]
        ids = torch.tensor([[0] * pad + row for pad, row in zip(padding, rows, strict=True)], device=self.model.device)
        starts = [start - pad for start, pad in zip(kept, padding, strict=True)]
        logits = self._forward(ids, starts, cache, rows_wanted)
        for row, (one, end) in enumerate(zip(passes, ends, strict=True)):
            one.sequence.length = end
            one.sequence.place = None if cache is None else Place(cache, row)
            one.turn = self.next_turn() + GIVES_WAY_TO  # where it lacks more, others come first
        found = zip(passes, logits, strict=True)
        return [(one, result[-one.rows :]) for one, result in found if not one.sequence.lacking]

    def _forward(self, ids: torch.Tensor, starts: list[int], cache: Cache | None, last: int) -> torch.Tensor:
        """Return the logits after the `last` ids of each row, float32 [rows, last, vocabulary].

        `starts` is each row's position of the first column of `ids`, negative by as many columns as are padding.
        """
        columns = ids.shape[1]
        before = cache.get_seq_length() if cache is not None else 0
        first = torch.tensor(starts, device=ids.device)[:, None]
        options: dict[str, torch.Tensor | Cache] = {}
        if self._takes_positions:
            options["position_ids"] = (first + torch.arange(columns, device=ids.device)).clamp(min=0)
        mask = torch.arange(before + columns, device=ids.device)[None, :] >= before - first
        if cache is not None:
            options["past_key_values"] = cache
        output = self.model(
            input_ids=ids, attention_mask=mask.long(), use_cache=cache is not None, logits_to_keep=last, **options
        )
        logits: torch.Tensor = output.logits[:, -last:].float().cpu()
        return logits


@torch.no_grad()
def plain_logits(model: PreTrainedModel, input_ids: list[int], last: int | None = None) -> torch.Tensor:
    """Return the logits after the `last` of `input_ids`, or after each, float32 [ids, vocabulary], by a plain call."""
    keeps_some = last is not None and "logits_to_keep" in inspect.signature(model.forward).parameters
    options = {"logits_to_keep": last} if keeps_some else {}
    output = model(input_ids=torch.tensor([input_ids], device=model.device), **options)
    logits: torch.Tensor = output.logits[0, -(last or 0) :].float().cpu()
    return logits


def input_rows(model: PreTrainedModel) -> int:
    """Return how many ids the model can read; it may predict fewer."""
    return int(model.get_input_embeddings().num_embeddings)  # type: ignore[arg-type]  # typed as any attribute of a module
