"""The references of files and folders, as ``model-loupe scan`` prints them."""

from __future__ import annotations

import io
import os
import tokenize
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from model_loupe.documents.analysis import Analysis, analyse_notebook, analyse_python
from model_loupe.documents.apis import may_load
from model_loupe.documents.notebook import read_notebook
from model_loupe.domain.errors import LoupeError

SUFFIXES = (".py", ".ipynb")
MAX_FILE_BYTES = 50_000_000
_SKIPPED = {"node_modules", "__pycache__", "site-packages", "venv", "build", "dist"}


def scan_paths(paths: Sequence[str], warn: Callable[[str], object]) -> Iterator[dict[str, Any]]:
    """The references below ``paths``, file by file in sorted order.

    ``warn`` is called with one line for every file that cannot be read.
    """
    for path in paths:
        for file in python_files(path, warn):
            try:
                analysis = analyse_file(file)
            except LoupeError as error:
                warn(f"{file}: {error.message}")
                continue
            yield from rows(file, analysis)


def python_files(path: str, warn: Callable[[str], object] = lambda message: None) -> Iterator[str]:
    """``path`` itself if it is a file, else the .py and .ipynb files below it, hidden folders left out."""
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


def analyse_file(path: str) -> Analysis:
    """The analysis of a file on disk, for its references; raises LoupeError if it cannot be read.

    A text that says no name of a loading call is not parsed.
    """
    try:
        if os.path.getsize(path) > MAX_FILE_BYTES:
            raise LoupeError("file-too-large", f"larger than {MAX_FILE_BYTES:,} bytes: not read")
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        raise LoupeError("unreadable-file", f"cannot be read: {error.strerror or error}") from error
    if path.endswith(".ipynb"):
        cells = read_notebook(_decode(raw, "utf-8-sig"))
        return analyse_notebook(cells if any(may_load(cell.text) for cell in cells) else ())
    text = _decode(raw, _encoding(raw))
    return analyse_python(text if may_load(text) else "")


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


def rows(file: str, analysis: Analysis) -> Iterator[dict[str, Any]]:
    """The references as JSON-ready rows: ``line`` from 1 in the cell, ``column`` from 0."""
    for found in analysis.references:
        yield {
            "file": file,
            "cell": found.cell,
            "line": found.span.line + 1,
            "column": found.span.column,
            "end_line": found.span.end_line + 1,
            "end_column": found.span.end_column,
            "callee": found.callee,
            "argument": found.argument,
            "model": found.model,
            "kind": found.kind,
            "confidence": found.confidence,
            "kwargs": found.kwargs,
            "role": found.role,
        }
