"""Reports every forward pass of a model: of a batch, of a plain call, or inside transformers' `generate`."""

import time

import torch

from bot.engine.observer import EngineObserver, Phase
from bot.engine.transformers.llama.network import Pass


def observe_passes(model: torch.nn.Module, observer: EngineObserver) -> None:
    """Report each forward pass of `model`, transformers' or our own, to `observer` from now on."""
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

    def end(self, _: object, positional: tuple[object, ...], options: dict[str, object], __: object) -> None:
        if positional and isinstance(positional[0], Pass):
            step = positional[0]
            texts, tokens = step.texts, len(step.ids)
            phase: Phase = "prefill" if step.prompts else "decode"
        else:
            ids, mask = options.get("input_ids"), options.get("attention_mask")
            if not isinstance(ids, torch.Tensor):
                return
            texts, width = ids.shape
            # On a GPU, the sum waits for the pass, which would otherwise still run. Its caller waits for it anyway.
            tokens = int(mask[:, -width:].sum()) if isinstance(mask, torch.Tensor) and mask.dim() == 2 else ids.numel()
            phase = "decode" if width == 1 else "prefill"
        self._observer.compute_pass(phase, texts, tokens, time.perf_counter() - self._began)
