"""What is installed for an interpreter, found without importing it."""

from __future__ import annotations

import os
import sys
from functools import cache, lru_cache


def installed_version(distribution: str, interpreter: str = sys.executable) -> str | None:
    """The version of a distribution on the interpreter's path, read off its ``.dist-info`` folder's name.

    ``importlib.metadata`` would tell the same of this process for 20 ms of imports. Another interpreter than
    this process' is asked for its path once, which takes some 20 ms, or tells nothing.
    """
    return version_on(path_of(interpreter), distribution)


def version_on(folders: tuple[str, ...], distribution: str) -> str | None:
    """The same of a path: the first of ``folders`` that has the distribution tells."""
    return _version_on(folders, tuple(map(_changed_at, folders)), distribution)


def _changed_at(folder: str) -> int:
    """When something was last installed there, in nanoseconds."""
    try:
        return os.stat(folder or ".").st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=256)
def _version_on(folders: tuple[str, ...], _changed: tuple[int, ...], distribution: str) -> str | None:
    prefix = distribution.lower().replace("-", "_") + "-"
    for folder in folders:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for name in names:
            if name.lower().startswith(prefix) and name.endswith(".dist-info"):
                return name[len(prefix) : -len(".dist-info")]
    return None


def can_run(interpreter: str) -> bool:
    """Whether the interpreter starts and answers."""
    return bool(path_of(interpreter))


@cache
def path_of(interpreter: str) -> tuple[str, ...]:
    """The folders that an interpreter imports from; none if it does not run."""
    if interpreter == sys.executable:
        return tuple(sys.path)
    import subprocess

    try:
        asked = subprocess.run(
            [interpreter, "-c", "import sys; print('\\0' + '\\0'.join(sys.path[1:]))"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return ()
    # What start-up hooks print comes before the first of our marks.
    return tuple(asked.stdout.rstrip("\n").split("\0")[1:])
