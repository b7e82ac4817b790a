"""The references of files and folders, as ``model-loupe scan`` prints them."""

from __future__ import annotations

import io
import os
import re
import tokenize
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from model_loupe.documents import settings
from model_loupe.documents.analysis import Siblings, analyse_notebook, analyse_python
from model_loupe.documents.apis import may_load
from model_loupe.documents.notebook import read_notebook
from model_loupe.documents.reference import Reference
from model_loupe.domain.errors import LoupeError

SUFFIXES = (".py", ".ipynb", ".yaml", ".yml", ".json", ".toml")
MAX_FILE_BYTES = 50_000_000
# A file of settings is small; a larger one of these formats is data.
_OF_SETTINGS = (".yaml", ".yml", ".json", ".toml")
_MAX_SETTINGS_BYTES = 256 * 1024
_TOKENS = ("token", "use_auth_token")
_NAME = re.compile(r"[\w.]+")
_SKIPPED = {"node_modules", "__pycache__", "site-packages", "venv", "build", "dist"}


def scan_paths(paths: Sequence[str], warn: Callable[[str], object]) -> Iterator[dict[str, Any]]:
    """The references below ``paths``, file by file in sorted order.

    ``warn`` is called with one line for every file that cannot be read.
    """
    for path in paths:
        root = path if os.path.isdir(path) else os.path.dirname(path)
        for file in files_below(path, warn):
            try:
                references = references_of_file(file, root)
            except LoupeError as error:
                warn(f"{file}: {error.message}")
                continue
            yield from rows(file, references)


def files_below(path: str, warn: Callable[[str], object] = lambda message: None) -> Iterator[str]:
    """``path`` itself if it is a file, else the files below it that are read, hidden folders left out."""
    if not os.path.isdir(path):
        yield path
        return

    def unreadable(error: OSError) -> None:
        warn(f"{error.filename}: cannot be read: {error.strerror or error}")

    for folder, folders, files in os.walk(path, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        for name in sorted(files):
            file = os.path.join(folder, name)
            # A pipe of that name would never end; a dangling link is worth the warning that reading it gives.
            if name.endswith(SUFFIXES) and (os.path.isfile(file) or not os.path.exists(file)):
                yield file


def references_of_file(path: str, root: str) -> list[Reference]:
    """The references of a file on disk; raises LoupeError if it cannot be read.

    What it imports is read as well where that is Python below ``root``. A text that says no name of a loading
    call is not parsed.
    """
    is_settings = path.endswith(_OF_SETTINGS)
    raw = _read(path, MAX_FILE_BYTES)
    if is_settings:
        return settings.in_file(raw.decode(errors="replace")) if len(raw) <= _MAX_SETTINGS_BYTES else []
    if path.endswith(".ipynb"):
        cells = read_notebook(_decode(raw, "utf-8-sig"))
        found = analyse_notebook(
            cells if any(may_load(cell.text) for cell in cells) else (), siblings(path, root)
        )
        return found.references
    text = _decode(raw, _encoding(raw))
    return analyse_python(text if may_load(text) else "", siblings(path, root)).references


def siblings(path: str, root: str, unsaved: Mapping[str, str] | None = None) -> Siblings:
    """What reads the modules that the file at ``path`` imports: beside it, or above, up to ``root``.

    ``unsaved`` are texts by path that count instead of what the disk has.
    """
    open_texts = unsaved or {}
    folder = os.path.dirname(os.path.abspath(path))
    top = os.path.abspath(root)

    def text(module: str) -> str | None:
        name = module.lstrip(".")
        level = len(module) - len(name)
        place = folder
        for _ in range(level - 1):
            place = os.path.dirname(place)
        while _is_below(place, top):
            base = os.path.join(place, *name.split(".")) if name else place
            for file in (f"{base}.py", os.path.join(base, "__init__.py")):
                if file in open_texts:
                    return open_texts[file]
                if os.path.isfile(file):
                    try:
                        raw = _read(file, _MAX_SETTINGS_BYTES)
                        return _decode(raw, _encoding(raw))
                    except LoupeError:
                        return None
            if level or place == top:
                break
            place = os.path.dirname(place)
        return None

    return text


def _is_below(place: str, top: str) -> bool:
    return place == top or place.startswith(top.rstrip(os.sep) + os.sep)


def _read(path: str, limit: int) -> bytes:
    try:
        if os.path.getsize(path) > limit:
            raise LoupeError("file-too-large", f"larger than {limit:,} bytes: not read")
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise LoupeError("unreadable-file", f"cannot be read: {error.strerror or error}") from error


def _encoding(raw: bytes) -> str:
    """As PEP 263 says: the byte order mark, else the comment in the first two lines, else UTF-8."""
    try:
        return tokenize.detect_encoding(io.BytesIO(raw).readline)[0]
    except SyntaxError:
        return "utf-8"


def _decode(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise LoupeError("bad-encoding", f"is not {encoding} text") from error


def rows(file: str, references: Sequence[Reference]) -> Iterator[dict[str, Any]]:
    """The references as JSON-ready rows.

    ``line`` (from 1 in the cell), ``column`` (from 0) and their ends are the range of the call, ``range`` is
    that of the argument in the same four numbers. A token that is no mere name is ``"…"`` in ``kwargs``.
    """
    for found in references:
        call, span = found.call, found.span
        yield {
            "file": file,
            "cell": found.cell,
            "line": call.line + 1,
            "column": call.column,
            "end_line": call.end_line + 1,
            "end_column": call.end_column,
            "callee": found.callee,
            "argument": found.argument,
            "range": [span.line + 1, span.column, span.end_line + 1, span.end_column],
            "model": found.model,
            "candidates": list(found.candidates),
            "kind": found.kind,
            "confidence": found.confidence,
            "kwargs": {name: _shown(name, source) for name, source in found.kwargs.items()},
            "role": found.role,
        }


def _shown(name: str, source: str) -> str:
    # What is printed ends up in logs.
    return '"…"' if name in _TOKENS and not _NAME.fullmatch(source) else source
