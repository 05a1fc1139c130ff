"""Checks of a loaded model: its plain calls must work, and the engine must compute the same numbers."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from bot.engine.transformers.decoding import decode
from bot.engine.transformers.forward_passes import ForwardPasses, input_rows, plain_logits
from bot.engine.transformers.generate import generate
from bot.engine.transformers.sequences import Decoding
from bot.errors import ModelUnavailable
from bot.questions.generation import GenerationParameters

LENGTHS = (
    3,
    18,
    21,
)  # in tokens; the last two are similar enough to share a pass, and longer than small models' windows
# Differences of logits, relative to the largest. A different order of summation gives less than 1e-5 in float32, and
# about a hundredth in bfloat16. A wrong position or mask gives far more.
TOLERANCE = {torch.float32: 1e-4}
LOW_PRECISION_TOLERANCE = 0.05
# Two calls of the same shape differ by less. In a bidirectional model, later tokens change all logits by more.
CAUSAL_TOLERANCE = {torch.float32: 1e-2}
LOW_PRECISION_CAUSAL_TOLERANCE = 0.1

_WRITING = GenerationParameters.from_options(strategy="greedy", max_new_tokens=3)

log = logging.getLogger(__name__)


class _NoEarlyEnd:
    """Steps that never end or cancel a text."""

    def is_cancelled(self) -> bool:
        return False

    def is_enough(self, _: list[int]) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Reference:
    """Plain transformers' logits after each token of a few short texts: [tokens, vocabulary] each.

    `written` are the ids that transformers' `generate` adds greedily to the longest text. It is empty if rounding could
    change them.
    """

    texts: tuple[list[int], ...]
    logits: tuple[torch.Tensor, ...]
    written: tuple[int, ...] = ()
    dtype: torch.dtype = torch.float32

    @property
    def vocab_size(self) -> int:
        """The number of tokens that the model predicts."""
        return self.logits[0].shape[1]


def take_reference(model: PreTrainedModel, name: str, context_length: int | None) -> Reference:
    """Call the model plainly. Raises ModelUnavailable if that fails, or if the model is not causal."""
    texts = _texts(model, context_length)
    longest = texts[-1]
    half = len(longest) // 2
    try:
        logits = tuple(plain_logits(model, text) for text in texts)
        otherwise = plain_logits(model, [*longest[:half], *reversed(longest[half:])])
    except Exception as error:  # some classes need pictures, another text or a language
        line = str(error).partition("\n")[0][:200] or type(error).__name__
        raise ModelUnavailable(name, f"it can't run on token ids alone ({line})") from None
    if not all(bool(result.isfinite().all()) for result in [*logits, otherwise]):
        log.info(
            "the model computes numbers that are not finite in %s; questions that meet such a number will fail",
            model.dtype,
        )
        return Reference(texts, logits, dtype=model.dtype)
    tolerance = CAUSAL_TOLERANCE.get(model.dtype, LOW_PRECISION_CAUSAL_TOLERANCE)
    if not _are_close([otherwise[:half]], [logits[-1][:half]], tolerance):
        if not _are_close([plain_logits(model, longest)], [logits[-1]], tolerance):
            raise ModelUnavailable(name, "it gives different numbers for the same text")
        raise ModelUnavailable(
            name, "later tokens change its earlier predictions, so it is not a causal language model"
        )
    return Reference(texts, logits, _generated_ids(model, longest), model.dtype)


def _generated_ids(model: PreTrainedModel, text: list[int]) -> tuple[int, ...]:
    """Return the ids that `generate` adds. Some classes use other positions or a window in `generate`."""
    if model.dtype != torch.float32:
        return ()
    try:
        output_ids = generate(
            model, text, _WRITING, end_ids=(), pad_id=0, should_stop=lambda _: False, check=lambda _: None,
            serve_others=False,
        )  # fmt: skip
    except Exception as error:  # each model class fails differently
        log.info("transformers can't generate text with the model: %s", str(error).partition("\n")[0])
        return ()
    return tuple(output_ids)


def passes_self_test(passes: ForwardPasses, reference: Reference) -> bool:
    """Return whether texts have the logits of `reference`: alone, together, in pieces, and from a kept beginning."""
    expected = [logits[-1] for logits in reference.logits]
    longest, after_each = reference.texts[-1], reference.logits[-1]
    try:
        alone = [passes.last_logits(text) for text in reference.texts]
        rows = list(torch.cat(list(passes.logits_after(longest))))
        again = passes.last_logits(longest)  # its beginning is kept now
        together = passes.complete([Decoding(passes, is_cached=True, ids=list(text)) for text in reference.texts])
        in_pieces = _in_pieces(passes, reference.texts)
        written = decode(passes.begin(), longest, _WRITING, (), _NoEarlyEnd()).output_ids
    except Exception as error:  # models fail differently with a cache or a mask that they don't support
        log.info("not computed %s: %s", _way(passes), str(error).partition("\n")[0])
        return False
    finally:
        passes.release_batch()
    computed = [*alone, *together, *in_pieces, *rows, again]
    references = [*expected, *expected, *expected, *after_each, expected[-1]]
    tolerance = TOLERANCE.get(reference.dtype, LOW_PRECISION_TOLERANCE)
    is_equal = _are_close(computed, references, tolerance) and reference.written in ((), tuple(written))
    if not is_equal:
        log.info("not computed %s, because that changes the numbers", _way(passes))
    return is_equal


def _way(passes: ForwardPasses) -> str:
    return "in batches of transformers' model" if passes.model is not None else "with our own forward pass"


def _in_pieces(passes: ForwardPasses, texts: Iterable[list[int]]) -> list[torch.Tensor]:
    """Return the logits after each text. Its beginning, middle and last token are computed one after the other."""
    decodings = [passes.begin() for _ in texts]
    logits: list[torch.Tensor] = []
    for end in (lambda text: (len(text) + 2) // 3, lambda text: len(text) - 1, len):
        for decoding, text in zip(decodings, texts, strict=True):
            decoding.ids = text[: end(text)]
        logits = passes.complete(decodings)
    return logits


def _texts(model: PreTrainedModel, context_length: int | None) -> tuple[list[int], ...]:
    """Return texts with ids from the whole vocabulary and the special ids, which some models treat differently."""
    rows = input_rows(model)
    stride = rows // 23 + 1
    lengths = [min(length, context_length or length) for length in LENGTHS]
    texts = [
        [(7 + stride * position + 17 * number) % rows for position in range(n)] for number, n in enumerate(lengths)
    ]
    ids = [getattr(model.generation_config, f"{kind}_token_id", None) for kind in ("pad", "bos", "eos")]
    special = [id_ for id_ in ids if isinstance(id_, int) and 0 <= id_ < rows]
    texts[-1] = [*texts[-1][:3], *special, *texts[-1][3 + len(special) :]][: lengths[-1]]
    return tuple(texts)


def _are_close(computed: list[torch.Tensor], expected: list[torch.Tensor], tolerance: float) -> bool:
    """Return whether all logits agree within `tolerance`, relative to the largest. False if one is not finite."""
    return all(
        bool((result - reference).abs().max() / reference.abs().max() < tolerance)
        for result, reference in zip(computed, expected, strict=True)
        if reference.numel()  # a context of one token has no first half
    )
