"""A model's numbers without the rounding between its operators: its own weights, and everything else in float32."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_LOW = (torch.bfloat16, torch.float16)


class Float32Arithmetic(TorchFunctionMode):
    """Inside the block, each torch function computes in float32 what it would compute in bfloat16 or float16.

    Weights are widened one function at a time, so the memory for only one of them is needed. Whatever a function would
    write into a tensor of lower precision is written into a copy.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call `func` with widened tensors and dtypes."""
        # Of an embedding only some rows are needed, and of an attribute's tensor (`__get__`) often only the dtype.
        if func is functional.embedding or func.__name__ == "__get__":
            return _widened(func(*args, **(kwargs or {})))
        return func(*map(_widened, args), **{name: _widened(value) for name, value in (kwargs or {}).items()})


def _widened(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.float() if value.dtype in _LOW else value
    if isinstance(value, torch.dtype):
        return torch.float32 if value in _LOW else value
    if type(value) in (list, tuple):
        return type(value)(map(_widened, value))
    return value
