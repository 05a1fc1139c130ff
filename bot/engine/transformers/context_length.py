"""How many tokens a model can read, and whether it treats long texts differently."""

import logging

import torch
from transformers import PreTrainedConfig, PreTrainedModel

from bot.engine.model_config import stated_context_length, text_config_of
from bot.engine.transformers.forward_passes import input_rows, plain_logits

_SWITCHING = ("dynamic", "longrope")  # transformers' rotary embeddings that depend on the length of the text
# Limits for testing a length, which takes one forward pass: the number of multiplications (about ten seconds on two
# cores) and the number of logits (1 GB).
_MOST_PRODUCTS = 1e12
_MOST_LOGITS = 2.5e8

log = logging.getLogger(__name__)


def changes_with_length(config: PreTrainedConfig, tokens: int) -> bool:
    """Return whether the rotary frequencies can change within a text of `tokens` tokens.

    If they do, cached keys and values become wrong, and texts in one pass would share one set of frequencies.
    """
    text_config = text_config_of(config)
    rotary = getattr(text_config, "rope_parameters", None) or {}
    per_kind = [options for options in rotary.values() if isinstance(options, dict)]  # one for each kind of layer
    switching = [options for options in per_kind or [rotary] if options.get("rope_type") in _SWITCHING]
    lengths = [_switching_length(text_config, options) for options in switching]
    return any(length < tokens for length in lengths)


def _switching_length(text_config: PreTrainedConfig, rotary: dict[str, int]) -> int:
    """Return the number of tokens after which the frequencies change, or 0 if it isn't stated."""
    name = "original_max_position_embeddings"
    return rotary.get(name) or getattr(text_config, name, None) or stated_context_length(text_config) or 0


def measure_context_length(model: PreTrainedModel, parameter_count: int, stated: int | None, wanted: int) -> int | None:
    """Test how many tokens the model can read, up to `wanted`. Return the result, or `stated` if that many work.

    Some models number positions from 2, and so have two fewer than they state. The result is None if nothing is stated
    and `wanted` tokens work.
    """
    most = wanted if stated is None else min(stated, wanted)
    if parameter_count * most > _MOST_PRODUCTS or input_rows(model) * most > _MOST_LOGITS:
        log.info("the model is too large to test whether it can read %d tokens", most)
        return stated
    device = model.device
    model.to("cpu")  # type: ignore[arg-type]  # typed as a bound method; an index error would make CUDA unusable
    try:
        if _can_read(model, most):
            return stated
        least = 1  # known to work from the self-test
        while most - least > 1:
            middle = (least + most) // 2
            least, most = (middle, most) if _can_read(model, middle) else (least, middle)
        return least
    finally:
        model.to(device)  # type: ignore[arg-type]  # as above


def _can_read(model: PreTrainedModel, tokens: int) -> bool:
    rows = input_rows(model)
    try:
        plain_logits(model, [(7 + 131 * position) % rows for position in range(tokens)], 1)
    except (IndexError, RuntimeError, ValueError) as error:
        log.info("the model can't read %d tokens: %s", tokens, str(error).partition("\n")[0])
        return False
    return True


def has_position_table(model: PreTrainedModel) -> bool:
    """Return whether the model has a table of learned positions, which limits the length of a text."""
    return any(
        isinstance(module, torch.nn.Embedding) and "position" in name.rpartition(".")[2]
        for name, module in model.named_modules()
    )
