"""The folder in which a cast is written until it is whole, and what is left of such after a crash.

It stands beside the output, hidden. Whoever writes holds a lock on a marker in it for as long as the process
lives; a folder with a marker that nobody holds was left by a process that was killed. Where there are no such
locks (Windows, some network file systems) there is no marker, and such folders stay.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from model_loupe.domain.errors import LoupeError
from model_loupe.inspector.cast_folder import files_below

_MARKER = ".model-loupe-unfinished"
_TRIES = 20


@contextmanager
def unfinished(output: str) -> Iterator[str]:
    """A new folder beside ``output``, which is gone afterwards; so are the folders made to hold it.

    Those that were left by others who wrote the same output, and are no more, go too. Raises LoupeError where
    no folder can be made.
    """
    made = []
    parent, name = os.path.split(output)
    while not os.path.isdir(parent):
        made.append(parent)
        parent = os.path.dirname(parent)
    _remove_abandoned(output)
    folder = os.path.join(os.path.dirname(output), f".{name}.{secrets.token_hex(4)}.unfinished")
    lock = None
    try:
        _make(folder)
        lock = _mark(folder)
        yield folder
    finally:
        _remove(folder)
        if lock is not None:
            os.close(lock)
        for path in made:
            # One with the output in it stays.
            with suppress(OSError):
                os.rmdir(path)


def publish(folder: str, output: str) -> None:
    """Gives the folder its name, once all of it is on the disk."""
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(folder, _MARKER))
    for _, path in files_below(folder):
        _settle(path)
    _settle(folder)
    with suppress(FileNotFoundError):
        os.rmdir(output)
    os.rename(folder, output)
    _settle(os.path.dirname(output))


def _make(folder: str) -> None:
    try:
        os.makedirs(folder)
    except OSError as error:
        where = os.path.dirname(folder)
        message = f"no folder can be made in {where}, where a cast is written first: {error.strerror}"
        raise LoupeError("unwritable-folder", message) from error


def _mark(folder: str) -> int | None:
    """The marker, opened and locked; None where that cannot be."""
    path = os.path.join(folder, _MARKER)
    # Under its name it is locked: nobody can take it for an abandoned one.
    aside = f"{path}.new"
    handle = os.open(aside, os.O_CREAT | os.O_WRONLY, 0o600)
    if _locked(handle):
        os.rename(aside, path)
        return handle
    os.close(handle)
    os.unlink(aside)
    return None


def _remove_abandoned(output: str) -> None:
    parent, name = os.path.split(output)
    pattern = re.compile(rf"\.{re.escape(name)}\.[0-9a-f]{{8}}\.unfinished")
    try:
        found = [each.path for each in os.scandir(parent) if pattern.fullmatch(each.name)]
    except OSError:
        return
    for folder in found:
        if not os.path.islink(folder) and _is_abandoned(folder):
            _remove(folder)


def _is_abandoned(folder: str) -> bool:
    try:
        handle = os.open(os.path.join(folder, _MARKER), os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    try:
        return _locked(handle)
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    """Locks an open file until it is closed, unless another process has; whether it did."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock

        flock(handle, LOCK_EX | LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def _remove(folder: str) -> None:
    """Removes it though a worker that was just killed may still be ending."""
    for _ in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            return
        time.sleep(0.05)


def _settle(path: str) -> None:
    if os.path.isdir(path) and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
