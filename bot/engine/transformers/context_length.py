"""How many tokens a model can read, and whether it reads long texts in another way."""

import logging

import torch
from transformers import PreTrainedConfig, PreTrainedModel

from bot.engine.transformers.forward_passes import input_rows, plain_logits

# Where configurations keep it, the first that is there: most, MPT and DBRX, Bloom's checkpoints, Whisper's decoder,
# RWKV, and some that were converted.
_NAMES = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "max_target_positions",
    "seq_length",
    "max_sequence_length",
    "n_ctx",
    "context_length",
)
_SWITCHING = ("dynamic", "longrope")  # of transformers' rotary embeddings, those that look at the length of a text
# Trying is one forward pass; beyond so many products, some ten seconds on two cores, or so many logits, 1 GB, nothing
# is tried.
_MOST_PRODUCTS = 1e12
_MOST_LOGITS = 2.5e8

log = logging.getLogger(__name__)


def stated_context_length(config: PreTrainedConfig) -> int | None:
    """Return the number of positions that a configuration states, for a model of text and pictures that of its text.

    None where it states none, as for a state that is as large however long the text is.
    """
    text_config = _text_config(config)
    found = (getattr(text_config, name, None) for name in _NAMES)
    return next((value for value in found if isinstance(value, int) and value > 0), None)


def changes_with_length(config: PreTrainedConfig, tokens: int) -> bool:
    """Return whether a text of up to so many `tokens` may be read in two ways: once long, with other frequencies.

    Its beginning would have to be computed again, and texts that share a pass would share one set of frequencies.
    """
    text_config = _text_config(config)
    rotary = getattr(text_config, "rope_parameters", None) or {}
    kinds = [one for one in rotary.values() if isinstance(one, dict)] or [rotary]  # one a kind of layer, or one for all
    lengths = [_switching_length(text_config, one) for one in kinds if one.get("rope_type") in _SWITCHING]
    return any(length < tokens for length in lengths)


def _switching_length(text_config: PreTrainedConfig, rotary: dict[str, int]) -> int:
    """Return the number of tokens up to which the model was trained at first; 0 where nothing states it."""
    name = "original_max_position_embeddings"
    return rotary.get(name) or getattr(text_config, name, None) or stated_context_length(text_config) or 0


def _text_config(config: PreTrainedConfig) -> PreTrainedConfig:
    try:
        return config.get_text_config(decoder=True)
    except ValueError:  # several texts, as a model of music has
        return config


def tried_context_length(model: PreTrainedModel, stated: int | None, wanted: int) -> int | None:
    """Return how many of the `stated` tokens the model takes, by calling it with as many as are `wanted` at most.

    Some have positions that begin at 2, and two fewer of them than they state. None where nothing is stated and
    `wanted` tokens are no trouble.
    """
    most = wanted if stated is None else min(stated, wanted)
    if model.num_parameters() * most > _MOST_PRODUCTS or input_rows(model) * most > _MOST_LOGITS:
        log.info("whether the model reads %d tokens is not tried: it is too large for that", most)
        return stated
    device = model.device
    model.to("cpu")  # type: ignore[arg-type]  # typed as a bound method; an index beyond a table would break CUDA for good
    try:
        if _reads(model, most):
            return stated
        least = 1  # which the self-test has read
        while most - least > 1:
            middle = (least + most) // 2
            least, most = (middle, most) if _reads(model, middle) else (least, middle)
        return least
    finally:
        model.to(device)  # type: ignore[arg-type]  # as above


def _reads(model: PreTrainedModel, tokens: int) -> bool:
    rows = input_rows(model)
    try:
        plain_logits(model, [(7 + 131 * place) % rows for place in range(tokens)], 1)
    except (IndexError, RuntimeError, ValueError) as error:
        log.info("the model does not read %d tokens: %s", tokens, str(error).partition("\n")[0])
        return False
    return True


def has_position_table(model: PreTrainedModel) -> bool:
    """Return whether the model has learned its positions one by one, so that there are so many and no more."""
    return any(
        isinstance(module, torch.nn.Embedding) and "position" in name.rpartition(".")[2]
        for name, module in model.named_modules()
    )
