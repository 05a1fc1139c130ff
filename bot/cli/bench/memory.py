"""The most memory that this process has used."""

from pathlib import Path

import psutil


def peak_memory() -> int:
    """Return the bytes.

    On Linux, getrusage would say the peak of the process that started this one, if that was higher.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return _peak_elsewhere()


def _peak_elsewhere() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return getattr(psutil.Process().memory_info(), "peak_wset", 0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if psutil.MACOS else 1024)
