"""The logits of one model's forward passes, for several operations at once.

What shares a pass, and how, is decided by the model's `Batches`: `llama.batches` for our own forward pass, and
`padded_batches` for transformers' own.
"""

import inspect
import math
from collections.abc import Iterator, Sequence

import torch
from transformers import PreTrainedModel

from bot.engine.observer import EngineObserver
from bot.engine.transformers.batches import LOGITS_ROWS, PIECE_TOKENS, Batches, Finished
from bot.engine.transformers.kept_texts import WORTH_SHARING, KeptTexts, Start, common_length
from bot.engine.transformers.layers import LayersNotFound, layer_logits
from bot.engine.transformers.observing import observe_passes
from bot.engine.transformers.sequences import Decoding, ForwardRequest, wait_for_passes
from bot.errors import LayersUnsupported, NumbersNotFinite
from bot.questions.language_model import ModelInfo

WORTH_WAITING = 0.25  # of all tokens must be shared with the first text before the others wait for it


class ForwardPasses:
    """Computes the forward passes of one model.

    With `batches`, a text is computed in several passes, and one pass serves several texts. Without them, each text is
    one plain call of `model`. That is for models that store more than keys and values (such as Mamba's state) or
    compute positions in their own way. `model` is None if only the batches have its weights.
    """

    def __init__(self, info: ModelInfo, batches: Batches | None, model: PreTrainedModel | None) -> None:
        self.info = info
        self.model = model
        self._batches = batches
        self._kept = self._no_texts()
        self._turn = 0

    @property
    def supports_incremental(self) -> bool:
        """Whether a text can be computed in several passes."""
        return self._batches is not None

    def observe(self, observer: EngineObserver) -> None:
        """Report each forward pass to `observer` from now on."""
        observe_passes(self.plain_model if self._batches is None else self._batches.module, observer)

    @property
    def kept_tokens(self) -> int:
        """How many tokens of earlier texts are kept."""
        return self._kept.tokens

    @property
    def plain_model(self) -> PreTrainedModel:
        """The transformers model. There is one unless only the batches have the weights."""
        assert self.model is not None  # noqa: S101  # see the class
        return self.model

    def last_logits(self, input_ids: list[int]) -> torch.Tensor:
        """Return the logits after the last of `input_ids`, float32 [vocabulary]."""
        return self.last_logits_of([input_ids])[0]

    def last_logits_of(self, texts: list[list[int]], beginning: Sequence[int] = ()) -> list[torch.Tensor]:
        """Return `last_logits` of each text. The texts are requested at once, so they can share passes.

        What they have in common with `beginning` is computed once and kept. If they have much more in common with the
        first text, that is also computed once.
        """
        start = self._start(list(beginning))
        first, others = texts[0], texts[1:]
        if not self._is_worth_waiting(first, others, beyond=0 if start is None else start.length):
            return self.wait([self._text(ids, start) for ids in texts])
        whole = self._text(first, start, is_cached=True)
        logits = self.wait([whole])
        return [*logits, *self.wait([self._text(ids, Start(whole, whole.length)) for ids in others])]

    def logits_after(self, input_ids: list[int], first: int = 0) -> Iterator[torch.Tensor]:
        """Yield the logits after each of `input_ids` from position `first` on, float32 [at most 64, vocabulary].

        Each part is computed when the caller asks for it, which limits the memory. Without batches, all logits are
        computed at once.
        """
        rows = min(LOGITS_ROWS, PIECE_TOKENS)
        if not self.supports_incremental:
            plain = Decoding(self, is_cached=False, ids=input_ids)
            whole = ForwardRequest(plain, self.next_turn(), rows=len(input_ids) - first)
            logits = wait_for_passes(self, [whole])[0]
            yield from (logits[start : start + rows] for start in range(0, len(logits), rows))
            return
        decoding = self.begin(input_ids, first)
        for start in range(first, len(input_ids), rows):
            end = min(start + rows, len(input_ids))
            decoding.ids = input_ids[:end]
            yield wait_for_passes(self, [ForwardRequest(decoding, self.next_turn(), rows=end - start)])[0]
        self.keep(decoding)

    def layer_logits(self, input_ids: list[int], first: int) -> Iterator[torch.Tensor]:
        """Yield the logits after each layer from position `first` on, float32 [positions, vocabulary].

        The first are the embedding's, and the last the model's own. Raises LayersUnsupported.
        """
        try:
            for logits in self._layer_logits(input_ids, first):
                self.check_finite(logits)
                yield logits
        except LayersNotFound as error:
            raise LayersUnsupported(self.info.short_name, str(error), "Try another model.") from None

    def begin(self, input_ids: Sequence[int] = (), most: int = 0) -> Decoding:
        """Return a text whose keys and values will be cached.

        Up to `most` of the first `input_ids` are taken from a kept text that begins alike. They are the text's ids.
        """
        decoding = Decoding(self, is_cached=True)
        self._share(decoding, list(input_ids), self._kept.longest_start(input_ids, most))
        return decoding

    def keep(self, decoding: Decoding) -> None:
        """Keep a computed text for later texts that begin alike."""
        kept = None if self._batches is None else self._batches.kept(decoding, self._kept.most)
        if kept is not None:
            self._kept.keep(kept)

    def next_turn(self) -> int:
        """Return a number greater than the `turn` of every waiting request."""
        self._turn += 1
        return self._turn

    def check_finite(self, logits: torch.Tensor) -> None:
        """Raise NumbersNotFinite if a logit is infinite or not a number."""
        least_and_most = torch.aminmax(logits)  # a tenth of the time that isfinite takes; nan is passed on
        if not all(math.isfinite(value) for value in least_and_most):
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
        """Free the keys and values of the last batch, and of the kept texts."""
        self._kept = self._no_texts()
        if self._batches is not None:
            self._batches.release()

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
        request.decoding.length, request.decoding.cache = 0, None
        if self._batches is not None:
            self._batches.release()
        computed: list[tuple[ForwardRequest, torch.Tensor | Exception]] = []
        while not computed:
            computed = self.compute([request])
        return computed

    @torch.no_grad()
    def _compute(self, waiting: list[ForwardRequest]) -> Finished:
        requests = sorted(waiting, key=lambda request: request.turn)
        if self._batches is not None:
            return self._batches.compute(requests)
        decoding = requests[0].decoding
        decoding.length = len(decoding.ids)
        return [(requests[0], plain_logits(self.plain_model, decoding.ids, requests[0].rows))]

    def fork(self, decoding: Decoding) -> Decoding:
        """Return a copy of a computed text, to be continued in another way."""
        copy = Decoding(self, is_cached=True, ids=decoding.ids)
        if self._batches is not None:
            self._batches.share(copy, Start(decoding, decoding.length))
        return copy

    def wait(self, decodings: list[Decoding]) -> list[torch.Tensor]:
        """Return the logits after each text."""
        requests = [ForwardRequest(decoding, self.next_turn()) for decoding in decodings]
        return [logits[-1] for logits in wait_for_passes(self, requests)]

    def _layer_logits(self, input_ids: list[int], first: int) -> Iterator[torch.Tensor]:
        if self._batches is None:
            return layer_logits(self.plain_model, input_ids, first)
        decoding = self.begin(input_ids, first)
        if self._batches.shares_parts and len(decoding.ids) < first:
            decoding.ids = input_ids[:first]
            self.wait([decoding])
        decoding.ids = input_ids
        return self._batches.layer_logits(ForwardRequest(decoding, self.next_turn(), rows=len(input_ids) - first))

    def _no_texts(self) -> KeptTexts:
        return KeptTexts(None if self._batches is None else self._batches.bytes_per_token)

    def _start(self, beginning: list[int]) -> Start | None:
        """Return a computed text that starts with `beginning`. None if it is too short, or can't be shared."""
        if self._batches is None or len(beginning) < WORTH_SHARING:
            return None
        kept = self._kept.longest_start(beginning, len(beginning))
        if kept is not None and kept.length == len(beginning) and self._batches.can_share(kept):
            return kept
        decoding = Decoding(self, is_cached=True, ids=beginning)
        self.wait([decoding])
        if len(beginning) <= self._kept.most:
            self._kept.keep(decoding)
        return Start(decoding, decoding.length)

    def _text(self, input_ids: list[int], start: Start | None, *, is_cached: bool = False) -> Decoding:
        """Return a text to be computed. It takes what it can from `start` or, without one, from a kept text."""
        decoding = Decoding(self, is_cached=is_cached)
        most = len(input_ids) - 1  # at least the last token must be computed
        if start is None:
            start = self._kept.longest_start(input_ids, most)
        else:
            start = Start(start.text, min(start.length, most, common_length(start.text.ids, input_ids)))
        self._share(decoding, input_ids, start)
        decoding.ids = input_ids
        return decoding

    def _share(self, decoding: Decoding, input_ids: list[int], start: Start | None) -> None:
        if start is None or start.length < WORTH_SHARING or self._batches is None:
            return
        if self._batches.can_share(start):
            self._batches.share(decoding, start)
            decoding.ids = input_ids[: start.length]

    def _is_worth_waiting(self, first: list[int], others: list[list[int]], beyond: int) -> bool:
        """Return whether the other texts have so much in common with the first that they should wait for it.

        Only what they have in common after the first `beyond` tokens counts.
        """
        if self._batches is None or not self._batches.shares_parts:
            return False
        shared = sum(max(0, common_length(first, ids) - beyond) for ids in others)
        return shared > WORTH_WAITING * sum(len(ids) - beyond for ids in others)


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
