"""Reports every forward pass of a model: of a batch, of a plain call, or inside transformers' `generate`."""

import time

import torch
from transformers import PreTrainedModel

from bot.engine.observer import EngineObserver, Phase


def observe_passes(model: PreTrainedModel, observer: EngineObserver) -> None:
    """Report each forward pass of `model` to `observer` from now on."""
    timer = _PassTimer(observer)
    model.register_forward_pre_hook(timer.begin, with_kwargs=True)
    model.register_forward_hook(timer.end, with_kwargs=True)


class _PassTimer:
    """Measures the passes of one model, which run one after another on the model's thread."""

    def __init__(self, observer: EngineObserver) -> None:
        self._observer = observer
        self._began = 0.0

    def begin(self, *_: object) -> None:
        self._began = time.perf_counter()

    def end(self, _: object, __: object, options: dict[str, object], ___: object) -> None:
        ids, mask = options.get("input_ids"), options.get("attention_mask")
        if not isinstance(ids, torch.Tensor):
            return
        texts, width = ids.shape
        # On a GPU, the sum waits for the pass, which would otherwise still be running. Its caller waits for it anyway.
        tokens = int(mask[:, -width:].sum()) if isinstance(mask, torch.Tensor) and mask.dim() == 2 else ids.numel()
        phase: Phase = "decode" if width == 1 else "prefill"
        self._observer.compute_pass(phase, texts, tokens, time.perf_counter() - self._began)
