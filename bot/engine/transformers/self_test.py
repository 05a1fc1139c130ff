"""Checks of a loaded model: its plain calls must work, and the engine must compute the same numbers."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from bot.engine.transformers.decoding import decode
from bot.engine.transformers.float32 import Float32Arithmetic
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
# In lower precision, plain transformers differs from float32 arithmetic with the same weights by 0.01 to 0.07, and the
# engine may differ by twice as much as plain transformers does for a model, within these limits.
ROUNDING_FACTOR, ROUNDING_TOLERANCES = 2.0, (0.02, 0.1)
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
class Standard:
    """The logits after each token of a few short texts, [tokens, vocabulary] each, and how much others may differ."""

    logits: tuple[torch.Tensor, ...]
    tolerance: float

    def is_met(self, last: list[torch.Tensor], rows: list[torch.Tensor]) -> bool:
        """Return whether logits are close to these: after whole texts, several times, and all of the longest."""
        expected = [logits[-1] for logits in self.logits] * (len(last) // len(self.logits))
        return _distance([*last, *rows], [*expected, *self.logits[-1]]) < self.tolerance


@dataclass(frozen=True, slots=True)
class Reference:
    """What plain transformers computes for a few short texts. The engine's logits must meet one of `standards`.

    `written` are the ids that transformers' `generate` adds greedily to the longest text. It is empty if rounding could
    change them.
    """

    texts: tuple[list[int], ...]
    standards: tuple[Standard, ...]
    written: tuple[int, ...] = ()

    @property
    def vocab_size(self) -> int:
        """The number of tokens that the model predicts."""
        return self.standards[0].logits[0].shape[1]


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
    plain = Standard(logits, TOLERANCE.get(model.dtype, LOW_PRECISION_TOLERANCE))
    if not all(bool(result.isfinite().all()) for result in [*logits, otherwise]):
        log.info(
            "the model computes numbers that are not finite in %s; questions that meet such a number will fail",
            model.dtype,
        )
        return Reference(texts, (plain,))
    tolerance = CAUSAL_TOLERANCE.get(model.dtype, LOW_PRECISION_CAUSAL_TOLERANCE)
    if not _distance([otherwise[:half]], [logits[-1][:half]]) < tolerance:
        if not _distance([plain_logits(model, longest)], [logits[-1]]) < tolerance:
            raise ModelUnavailable(name, "it gives different numbers for the same text")
        raise ModelUnavailable(
            name, "later tokens change its earlier predictions, so it is not a causal language model"
        )
    if model.dtype == torch.float32:
        return Reference(texts, (plain,), _generated_ids(model, longest))
    exact = _float32_standard(model, texts, logits)
    return Reference(texts, (plain,) if exact is None else (plain, exact))


def _float32_standard(
    model: PreTrainedModel, texts: tuple[list[int], ...], plain: tuple[torch.Tensor, ...]
) -> Standard | None:
    """Return the numbers of float32 arithmetic. Others may differ from them by a multiple of what the `plain` ones do.

    None for a class that can't be computed in this way.
    """
    try:
        with Float32Arithmetic():
            exact = _logits_together(model, texts)
    except Exception as error:  # each class fails differently
        log.info("the model can't be computed in float32 arithmetic: %s", str(error).partition("\n")[0])
        return None
    least, most = ROUNDING_TOLERANCES
    rounding = _distance(_rows(plain), _rows(exact))
    return Standard(exact, min(max(least, ROUNDING_FACTOR * rounding), most))


@torch.no_grad()
def _logits_together(model: PreTrainedModel, texts: Sequence[list[int]]) -> tuple[torch.Tensor, ...]:
    """Return the logits after each token of each text, from one call. What follows a shorter text changes nothing."""
    width = max(map(len, texts))
    padded = [[*text, *[text[-1]] * (width - len(text))] for text in texts]
    logits = model(input_ids=torch.tensor(padded, device=model.device)).logits.cpu()
    return tuple(rows[: len(text)] for rows, text in zip(logits, texts, strict=True))


def _rows(logits: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Return the logits after the last token of each text, and after each token of the longest."""
    return [*(rows[-1] for rows in logits), *logits[-1]]


def _generated_ids(model: PreTrainedModel, text: list[int]) -> tuple[int, ...]:
    """Return the ids that `generate` adds. Some classes use other positions or a window in `generate`."""
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
    longest = reference.texts[-1]
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
    last = [*alone, *together, *in_pieces, *alone[:-1], again]  # of each text, four times
    is_close = any(standard.is_met(last, rows) for standard in reference.standards)
    is_equal = is_close and reference.written in ((), tuple(written))
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


def _distance(computed: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    """Return the largest difference of logits, relative to the largest of each tensor. NaN or infinite if one is."""
    pairs = zip(computed, expected, strict=True)
    # A context of one token has no first half.
    distances = [(a - b).abs().max() / b.abs().max() for a, b in pairs if b.numel()]
    return float(torch.stack(distances).max()) if distances else 0.0
