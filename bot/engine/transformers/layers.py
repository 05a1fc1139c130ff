"""The logits after each layer of a transformers model: its own norm and output layer, applied to hidden states.

The last of transformers' `hidden_states` is normalised already, and the earlier ones are not.
"""

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import torch
from transformers import PreTrainedModel

TOLERANCE = 0.01  # of the logits computed from the last state, relative to the model's own; a wrong norm changes more


class LayersNotFound(Exception):
    """The model's layers can't be read; the message is a clause that says why."""


@torch.no_grad()
def layer_logits(model: PreTrainedModel, input_ids: list[int], first: int) -> Iterator[torch.Tensor]:
    """Yield the logits after each layer, from position `first` on: float32 [positions, vocabulary].

    The first are those of the embedding, and the last are the model's own. Raises LayersNotFound.
    """
    ids = torch.tensor([input_ids], device=model.device)
    base = model.base_model
    if base is model:
        raise LayersNotFound("its output layer is not separate from its other layers")
    calls = _Calls(base)
    with calls:
        whole = model(input_ids=ids, use_cache=False, output_hidden_states=True)
    states: tuple[torch.Tensor, ...] | None = getattr(whole, "hidden_states", None)
    output = calls.output
    if not states or getattr(output, "last_hidden_state", None) is None:
        raise LayersNotFound("it doesn't return its hidden states")
    norm = calls.last_norm(output.last_hidden_state, states)

    def logits_of(state: torch.Tensor) -> torch.Tensor:
        replaced = copy.copy(output)
        replaced["last_hidden_state"] = state
        # The model's own code does what follows its layers, such as scaling and soft caps.
        with _returning(base, replaced):
            logits: torch.Tensor = model(input_ids=ids[:, first:], use_cache=False).logits
        return logits[0].float().cpu()

    own = whole.logits[0, first:].float().cpu()
    if bool(own.isfinite().all()) and not _are_close(logits_of(states[-1][:, first:]), own):
        raise LayersNotFound("its output layer needs more than the last hidden state")
    for state in states[:-1]:
        yield logits_of(norm(state[:, first:]))
    yield own


@contextlib.contextmanager
def _returning(module: torch.nn.Module, output: object) -> Iterator[None]:
    """Let `module` return `output` without computing anything."""
    module.forward = lambda *_, **__: output
    try:
        yield
    finally:
        del module.forward  # the class's method is visible again


class _Calls:
    """Records what the modules of a model return while it is called."""

    def __init__(self, base: torch.nn.Module) -> None:
        self._base = base
        self._outputs: list[tuple[torch.nn.Module, torch.Tensor, torch.Tensor]] = []
        self._hooks: list[Any] = []
        self.output: Any = None

    def __enter__(self) -> None:
        self._hooks = [module.register_forward_hook(self._record) for module in self._base.modules()]

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _record(self, module: torch.nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if module is self._base:
            self.output = output
        elif inputs and isinstance(inputs[0], torch.Tensor) and isinstance(output, torch.Tensor):
            self._outputs.append((module, inputs[0], output))

    def last_norm(self, last: torch.Tensor, states: tuple[torch.Tensor, ...]) -> torch.nn.Module:
        """Return the module that made the last hidden state from the last layer's. Identity if no module did."""
        for module, before, after in self._outputs:
            if after.shape == last.shape and after.data_ptr() == last.data_ptr():
                is_layer = len(states) > 1 and before.shape == last.shape and torch.equal(before, states[-2])
                return torch.nn.Identity() if is_layer else module
        raise LayersNotFound("its last norm was not found")


def _are_close(computed: torch.Tensor, expected: torch.Tensor) -> bool:
    return bool((computed - expected).abs().max() <= TOLERANCE * expected.abs().max())
