"""The process ends itself before it takes more memory than it was given."""

from __future__ import annotations

import os
import sys
import threading
import time

OUT_OF_MEMORY = 86
"""The exit code that says so."""

_SECONDS = 0.1


def watch_memory(limit: int) -> None:
    """Ends the process with ``OUT_OF_MEMORY`` once it holds more than ``limit`` bytes.

    Address space, which ``setrlimit`` bounds, says little: CUDA reserves tens of gigabytes and uses none.
    """
    if resident() is None:
        return
    threading.Thread(target=_watch, args=(limit,), daemon=True).start()


def _watch(limit: int) -> None:
    while True:
        if (resident() or 0) > limit:
            os._exit(OUT_OF_MEMORY)
        time.sleep(_SECONDS)


def resident() -> int | None:
    """Bytes of memory that the process holds; None where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        pass
    try:
        import resource

        # The peak: as good, for a process that is to end when it has held too much. Kilobytes but on macOS.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    except (ImportError, OSError):
        return None
