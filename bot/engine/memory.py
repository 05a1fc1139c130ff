"""Giving memory back to the system: while a model is loaded, and when it has no work."""

import contextlib
import ctypes
import gc


def free_garbage() -> None:
    """Free objects that only refer to each other, as a model's modules do, and give their memory back."""
    gc.collect()
    give_back()


def give_back() -> None:
    """Give memory that is free in this process back to the system."""
    with contextlib.suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
