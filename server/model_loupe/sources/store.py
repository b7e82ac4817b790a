"""Bytes by key on this machine's disk, so that what one process worked out serves the next.

A store is a convenience and never a condition: no disk that is full, read-only or damaged changes an answer.
Many processes use one folder at once: entries are written aside and renamed into place whole, and each
carries its key and a checksum, so one that is cut off, damaged or another program's is none.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from zlib import adler32, crc32

_MAGIC = b"model-loupe store 1\n"
# The magic line, the key's length and the checksum of key and value in 4 bytes each; the key; the value.
_PREFIX = len(_MAGIC) + 8
_SUFFIX, _UNFINISHED = ".entry", ".unfinished"
_MAX_KEY, _MAX_VALUE = 1024 * 1024, 32 * 1024 * 1024
_LIMIT = 128 * 1024 * 1024
# What a clean-up leaves, so that the next entry does not need one again.
_KEPT_SHARE = 0.75
_UNFINISHED_SECONDS = 3600


class Store:
    """Entries in ``folder``, which is made when first written to; together about ``limit`` bytes at most.

    Those that were unused for longest go first. Thread-safe. A key says everything that its value depends
    on, the format of the value included: then an entry can be unused, but never out of date.
    """

    def __init__(self, folder: str, limit: int = _LIMIT) -> None:
        self.folder = folder
        self.limit = limit
        self._room: int | None = None
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """The value that was put under ``key``; None if there is none or it cannot be read."""
        name = _encoded(key)
        path = self._path(name)
        try:
            with open(path, "rb", buffering=0) as file:
                if os.fstat(file.fileno()).st_size > _PREFIX + _MAX_KEY + _MAX_VALUE:
                    return None
                entry = file.read()
        except OSError:
            return None
        start = _PREFIX + len(name)
        if entry[:start] != _head(name, entry[start:]):
            return None
        with suppress(OSError):
            os.utime(path)  # the mark of use that the clean-up goes by
        return entry[start:]

    def put(self, key: str, value: bytes) -> None:
        """Keeps ``value``, unless it is too large or the disk will not have it."""
        name = _encoded(key)
        if len(name) > _MAX_KEY or len(value) > min(_MAX_VALUE, self.limit):
            return
        path = self._path(name)
        aside = f"{path}.{os.getpid()}-{threading.get_ident()}{_UNFINISHED}"
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            with open(aside, "wb") as file:
                file.write(_head(name, value))
                file.write(value)
            os.replace(aside, path)
            self._make_room(_PREFIX + len(name) + len(value))
        except OSError:
            with suppress(OSError):
                os.unlink(aside)

    def clear(self) -> None:
        """Removes every entry."""
        with self._lock:
            self._clean_up(0)

    def _path(self, name: bytes) -> str:
        # Two keys may share a file: then the one that was put last has it. (hashlib would load OpenSSL.)
        return os.path.join(self.folder, f"{crc32(name):08x}{adler32(name):08x}{_SUFFIX}")

    def _make_room(self, added: int) -> None:
        """Cleans up where ``added`` bytes more are too many, as far as this process knows."""
        with self._lock:
            if self._room is not None:
                self._room -= added
            if self._room is None or self._room < 0:
                self._clean_up(self.limit)

    def _clean_up(self, limit: int) -> None:
        entries: list[tuple[float, int, str]] = []
        long_ago = time.time() - _UNFINISHED_SECONDS
        try:
            listing = list(os.scandir(self.folder))
        except OSError:
            return
        for entry in listing:
            with suppress(OSError):
                found = entry.stat(follow_symlinks=False)
                if entry.name.endswith(_SUFFIX):
                    entries.append((found.st_mtime, found.st_size, entry.path))
                elif entry.name.endswith(_UNFINISHED) and found.st_mtime < long_ago:
                    os.unlink(entry.path)
        total = sum(size for _, size, _ in entries)
        if total > limit:
            for _, size, path in sorted(entries):
                if total <= limit * _KEPT_SHARE:
                    break
                with suppress(OSError):
                    os.unlink(path)
                    total -= size
        self._room = limit - total


def _encoded(key: str) -> bytes:
    # Paths that are no UTF-8 come as surrogates.
    return key.encode("utf-8", "surrogatepass")


def _head(name: bytes, value: bytes) -> bytes:
    checksum = crc32(value, crc32(name))
    return _MAGIC + len(name).to_bytes(4, "little") + checksum.to_bytes(4, "little") + name


def user_store() -> Store | None:
    """The store of this user; None where MODEL_LOUPE_NO_CACHE is set or there is no place for one.

    MODEL_LOUPE_CACHE_DIR says where it is; else it is where caches are on this system.
    """
    if os.environ.get("MODEL_LOUPE_NO_CACHE"):
        return None
    folder = os.environ.get("MODEL_LOUPE_CACHE_DIR") or user_cache_folder()
    return Store(os.path.abspath(folder)) if folder else None


def user_cache_folder() -> str | None:
    """``model-loupe`` in the user's cache folder, as ``platformdirs.user_cache_dir`` has it.

    Importing platformdirs takes longer than reading an entry. None if the home folder cannot be told.
    """
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or os.path.expanduser(r"~\AppData\Local")
        parts: tuple[str, ...] = (local, "model-loupe", "Cache")
    elif sys.platform == "darwin":
        parts = (os.path.expanduser("~/Library/Caches"), "model-loupe")
    else:
        chosen = os.environ.get("XDG_CACHE_HOME", "")
        parts = (chosen if os.path.isabs(chosen) else os.path.expanduser("~/.cache"), "model-loupe")
    folder = os.path.join(*parts)
    return folder if os.path.isabs(folder) else None
