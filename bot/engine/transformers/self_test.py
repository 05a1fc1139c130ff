"""What a loaded model can do, found by trying: its plain calls, and whether the engine computes the same numbers."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from bot.engine.transformers.beam_search import generate
from bot.engine.transformers.decoding import decode
from bot.engine.transformers.forward_passes import ForwardPasses, input_rows, plain_logits
from bot.engine.transformers.sequences import Sequence
from bot.errors import ModelUnavailable
from bot.questions.generation import GenerationParameters

LENGTHS = (3, 18, 21)  # tokens; two alike enough to share a pass, and beyond the windows of small models
# Of logits, relative to the largest: rounding in another order is below 1e-5 in float32, and about a hundredth in
# bfloat16, where a wrong position or mask is still far off.
TOLERANCE = {torch.float32: 1e-4}
LOW_PRECISION_TOLERANCE = 0.05
# Two calls of one shape differ by less; what follows a token changes all of a model that reads in both directions.
CAUSAL_TOLERANCE = {torch.float32: 1e-2}
LOW_PRECISION_CAUSAL_TOLERANCE = 0.1

_WRITING = GenerationParameters.from_options(strategy="greedy", max_new_tokens=3)

log = logging.getLogger(__name__)


class _ToTheEnd:
    """Lets a text be written to its end."""

    def is_cancelled(self) -> bool:
        return False

    def is_enough(self, _: list[int]) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Reference:
    """Plain transformers' logits after each token of a few short texts: [tokens, vocabulary] each.

    `written` is what transformers' `generate` writes greedily after the longest; nothing where rounding may decide it.
    """

    texts: tuple[list[int], ...]
    logits: tuple[torch.Tensor, ...]
    written: tuple[int, ...] = ()

    @property
    def vocab_size(self) -> int:
        """How many tokens the model predicts."""
        return self.logits[0].shape[1]


def take_reference(model: PreTrainedModel, name: str, context_length: int | None) -> Reference:
    """Call the model plainly. Raises ModelUnavailable where that fails, or is no prediction of what comes next."""
    texts = _texts(model, context_length)
    longest = texts[-1]
    half = len(longest) // 2
    try:
        logits = tuple(plain_logits(model, text) for text in texts)
        otherwise = plain_logits(model, [*longest[:half], *reversed(longest[half:])])
    except Exception as error:  # a class may need pictures, another text, a language …
        line = str(error).partition("\n")[0][:200] or type(error).__name__
        raise ModelUnavailable(name, f"it fails on token ids alone ({line})") from None
    if not all(bool(one.isfinite().all()) for one in [*logits, otherwise]):
        log.info("in %s the model computes numbers that are not finite, and will not answer such texts", model.dtype)
        return Reference(texts, logits)
    tolerance = CAUSAL_TOLERANCE.get(model.dtype, LOW_PRECISION_CAUSAL_TOLERANCE)
    if not _close([otherwise[:half]], [logits[-1][:half]], tolerance):
        if not _close([plain_logits(model, longest)], [logits[-1]], tolerance):
            raise ModelUnavailable(name, "two calls of it with the same text give different numbers")
        raise ModelUnavailable(
            name, "what follows a token changes the prediction before it, so that it does not predict what comes next"
        )
    return Reference(texts, logits, _written(model, longest))


def _written(model: PreTrainedModel, text: list[int]) -> tuple[int, ...]:
    """Return what `generate` writes: with a window, or positions, of its own it may differ from calls of the model."""
    if model.dtype != torch.float32:
        return ()
    try:
        found = generate(
            model, text, _WRITING, end_ids=(), pad_id=0, should_stop=lambda _: False, check=lambda _: None,
            serve_others=False,
        )  # fmt: skip
    except Exception as error:  # each class fails in its own way
        log.info("transformers cannot write with the model: %s", str(error).partition("\n")[0])
        return ()
    return tuple(found)


def matches_reference(passes: ForwardPasses, reference: Reference) -> bool:
    """Return whether texts alone, padded beside others, and in pieces get the plain calls' logits."""
    expected = [logits[-1] for logits in reference.logits]
    longest, after_each = reference.texts[-1], reference.logits[-1]
    try:
        alone = [passes.last_logits(text) for text in reference.texts]
        rows = list(torch.cat(list(passes.logits_after(longest))))
        together = passes.complete([Sequence(passes, keeps=True, ids=list(text)) for text in reference.texts])
        in_pieces = _in_pieces(passes, reference.texts)
        written = decode(passes.begin(), longest, _WRITING, (), _ToTheEnd())
    except Exception as error:  # whatever such a model makes of a cache, or a mask, that it does not know
        log.info("requests are computed one by one, by transformers itself: %s", str(error).partition("\n")[0])
        return False
    finally:
        passes.forget_batch()
    computed, right = [*alone, *together, *in_pieces, *rows], [*expected, *expected, *expected, *after_each]
    tolerance = TOLERANCE.get(passes.model.dtype, LOW_PRECISION_TOLERANCE)
    is_right = _close(computed, right, tolerance) and reference.written in ((), tuple(written))
    if not is_right:
        log.info("requests are computed one by one, by transformers itself: batches change this model's numbers")
    return is_right


def _in_pieces(passes: ForwardPasses, texts: Iterable[list[int]]) -> list[torch.Tensor]:
    """Return the logits after each text, whose beginning, middle and last token are computed one after the other."""
    sequences = [Sequence(passes, keeps=True, ids=[]) for _ in texts]
    logits: list[torch.Tensor] = []
    for end in (lambda text: (len(text) + 2) // 3, lambda text: len(text) - 1, len):
        for sequence, text in zip(sequences, texts, strict=True):
            sequence.ids = text[: end(text)]
        logits = passes.complete(sequences)
    return logits


def _texts(model: PreTrainedModel, context_length: int | None) -> tuple[list[int], ...]:
    """Return texts with ids from the whole vocabulary, and the special ones, to which some models give a meaning."""
    rows = input_rows(model)
    stride = rows // 23 + 1
    lengths = [min(length, context_length or length) for length in LENGTHS]
    texts = [[(7 + stride * place + 17 * number) % rows for place in range(n)] for number, n in enumerate(lengths)]
    ids = [getattr(model.generation_config, f"{kind}_token_id", None) for kind in ("pad", "bos", "eos")]
    special = [id_ for id_ in ids if isinstance(id_, int) and 0 <= id_ < rows]
    texts[-1] = [*texts[-1][:3], *special, *texts[-1][3 + len(special) :]][: lengths[-1]]
    return tuple(texts)


def _close(computed: list[torch.Tensor], expected: list[torch.Tensor], tolerance: float) -> bool:
    """Return whether all logits are as near as that, relative to the largest; never where one is not finite."""
    return all(
        bool((one - other).abs().max() / other.abs().max() < tolerance)
        for one, other in zip(computed, expected, strict=True)
        if other.numel()  # a context of one token has no half
    )
