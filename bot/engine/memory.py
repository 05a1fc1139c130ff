"""When memory goes back to the system: while a model is loaded and when it has no work, but not between two passes.

The system clears each page that is used again after it was given back. With glibc's own settings that took up to a
third of a pass: 36 of 103 ms with 32 texts and half a billion parameters in int8.
"""

import ctypes
import gc

# Parameters of glibc's mallopt (malloc.h), and values in bytes.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_KEPT = 256 * 2**20  # a pass needs less for everything but weights
_HEAP = 64 * 2**20  # size of the parts of a thread's own heap; with less padding, each goes back when it is free
_LARGEST_KEPT = 32 * 2**20  # the most that glibc accepts; a larger block goes back when it is free
_LARGE = 128 * 2**10  # glibc shrinks a thread's own heap when a block of at least 64 KB becomes free


def keep_free_memory() -> None:
    """Keep memory that becomes free from now on."""
    if (libc := _glibc()) is not None:
        libc.mallopt(_TRIM_THRESHOLD, _KEPT)
        libc.mallopt(_TOP_PAD, _HEAP)
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT)


def give_back_kept() -> None:
    """Give back what `keep_free_memory` kept. Of the threads' own heaps, only the calling thread's shrinks."""
    if (libc := _glibc()) is not None:
        libc.mallopt(_TRIM_THRESHOLD, 0)
        libc.mallopt(_TOP_PAD, 0)
        libc.free(libc.malloc(_LARGE))
        libc.malloc_trim(0)
        keep_free_memory()


def free_garbage() -> None:
    """Free objects that only refer to each other, as a model's modules do, and give their memory back."""
    gc.collect()
    give_back()


def give_back() -> None:
    """Give memory that is free in this process back to the system."""
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """Return the C library if it is glibc. Others have no `malloc_trim`, and Windows has no handle for None."""
    try:
        libc = ctypes.CDLL(None)
    except (OSError, TypeError):
        return None
    if not hasattr(libc, "malloc_trim"):
        return None
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    return libc
