"""The Python files and notebooks of the workspace, and the loading calls in them.

Bounded, since a workspace may be a home folder: at most ``MAX_FILES`` files of at most ``MAX_BYTES`` each,
in at most ``MAX_FOLDERS`` folders, ``MAX_DEPTH`` deep. Hidden folders, environments, caches and build output
are left out, and links to folders are not followed. A file is read again only if its size or modification
time changed.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from model_loupe.domain.errors import LoupeError

if TYPE_CHECKING:
    from model_loupe.documents import Analysis, Reference

MAX_FILES = 5_000
MAX_FOLDERS = 20_000
MAX_DEPTH = 12
MAX_BYTES = {".py": 1 << 20, ".ipynb": 16 << 20}

_SKIPPED = frozenset(
    ("__pycache__", "node_modules", "bower_components", "site-packages", "venv", "env", "build", "dist")
)


class FoundCall(NamedTuple):
    """A loading call in a file that need not be open. ``lines`` are those of its cell, or of the file."""

    path: str
    lines: tuple[str, ...]
    reference: Reference


class WorkspaceScan:
    """What the last scan found. ``scan`` blocks and is for one worker thread; ``calls`` is for any."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[tuple[int, int] | None, tuple[FoundCall, ...]]] = {}
        self._stop = threading.Event()

    def calls(self) -> Iterator[FoundCall]:
        """The calls found so far, in the order of their files' paths."""
        files = self._files
        for path in sorted(files):
            yield from files[path][1]

    # A file that imports another is read at every scan: the other may have changed.

    def scan(self, folders: Sequence[str]) -> bool:
        """Look through ``folders``; whether anything is different from the last time."""
        before, files = self._files, {}
        for path, mark in _walk(folders):
            if self._stop.is_set():
                return False
            known = before.get(path)
            files[path] = known if known and known[0] == mark else _look(path, mark, folders)
        self._files = files
        return {p: calls for p, (_, calls) in before.items() if calls} != {
            p: calls for p, (_, calls) in files.items() if calls
        }

    def stop(self) -> None:
        """End a scan that is under way."""
        self._stop.set()


def _walk(folders: Sequence[str]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Files to look at, with size and modification time; those near the top first."""
    queue = [(folder, 0) for folder in dict.fromkeys(folders)]
    files = 0
    for visited, (folder, depth) in enumerate(queue):
        if visited >= MAX_FOLDERS:
            return
        for entry in _entries(folder):
            if entry.is_dir(follow_symlinks=False):
                if depth < MAX_DEPTH and not _is_skipped(entry):
                    queue.append((entry.path, depth + 1))
            elif mark := _mark(entry):
                files += 1
                if files > MAX_FILES:
                    return
                yield entry.path, mark


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _is_skipped(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or entry.name in _SKIPPED:
        return True
    # A virtual environment or a conda environment by whatever name.
    return any(os.path.exists(os.path.join(entry.path, mark)) for mark in ("pyvenv.cfg", "conda-meta"))


def _mark(entry: os.DirEntry[str]) -> tuple[int, int] | None:
    limit = MAX_BYTES.get(os.path.splitext(entry.name)[1])
    if limit is None:
        return None
    try:
        found = entry.stat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
        return None
    return found.st_size, found.st_mtime_ns


def _look(
    path: str, mark: tuple[int, int], folders: Sequence[str]
) -> tuple[tuple[int, int] | None, tuple[FoundCall, ...]]:
    """The calls in a file, and the mark by which it is known to be the same; None if others matter, too."""
    from model_loupe.documents import analyse_notebook, analyse_python, may_load, read_notebook
    from model_loupe.documents.scan import siblings
    from model_loupe.lsp.text import Text

    try:
        with open(path, "rb") as file:
            data = file.read()
        # Not what PEP 263 says of other encodings, but columns are all that could go wrong.
        text = data.decode("utf-8-sig", errors="replace")
        if not may_load(text):
            return mark, ()
        root = max((folder for folder in folders if path.startswith(folder)), key=len, default=path)
        modules = siblings(path, root)
        analysis: Analysis
        if path.endswith(".ipynb"):
            cells = read_notebook(text)
            analysis = analyse_notebook(cells, modules)
            parts = {cell.index: Text(cell.text).lines for cell in cells}
        else:
            analysis = analyse_python(text, modules)
            parts = {0: Text(text).lines}
    except (OSError, LoupeError):
        return mark, ()
    calls = [FoundCall(path, parts[reference.cell or 0], reference) for reference in analysis.references]
    return None if analysis.modules else mark, tuple(calls)
